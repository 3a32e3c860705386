#include "upstream/worker_choice.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include "upstream/endpoint_weights.hpp"
#include "weir/control/slow_start.hpp"
#include "weir/control/zone_split.hpp"

namespace weir::upstream {
namespace {

// Where each of `now` was in `before`; most of them at the same place.
std::vector<std::size_t> places_of(std::span<Endpoint* const> now,
                                   std::span<Endpoint* const> before) {
  std::vector<std::size_t> out;
  out.reserve(now.size());
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (i < before.size() && before[i] == now[i]) {
      out.push_back(i);
      continue;
    }
    const auto place = std::ranges::find(before, now[i]);
    out.push_back(place != before.end() ? static_cast<std::size_t>(place - before.begin())
                                        : control::is_new);
  }
  return out;
}

}  // namespace

bool WorkerChoice::contains(const Endpoint* endpoint) const noexcept {
  return std::ranges::find(endpoints_, endpoint) != endpoints_.end();
}

void WorkerChoice::change(const config::LoadBalancer& settings,
                          std::span<const std::shared_ptr<Endpoint>> endpoints,
                          std::span<const std::string> zones, std::uint64_t seed, TimePoint now) {
  const std::vector<Endpoint*> before = std::exchange(endpoints_, {});
  try {
    const std::vector<EndpointTier> tiers = tiers_of(endpoints, settings.panic_threshold);
    const std::vector<Placed> placed = place(settings, endpoints, zones, tiers);
    for (const Placed& each : placed) endpoints_.push_back(each.endpoint);
    make_tiers(settings, tiers, placed, before, seed, now);
  } catch (const std::bad_alloc&) {
    endpoints_.clear();
    tiers_.clear();
    throw;
  }
}

// By priority, and of each those of the gateway's zone first.
std::vector<WorkerChoice::Placed> WorkerChoice::place(
    const config::LoadBalancer& settings, std::span<const std::shared_ptr<Endpoint>> endpoints,
    std::span<const std::string> zones, std::span<const EndpointTier> tiers) {
  std::vector<Placed> out;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    Endpoint& endpoint = *endpoints[i];
    if (!is_in_use(endpoint, tiers)) continue;
    const std::string_view zone = zones.empty() ? std::string_view() : zones[i];
    out.push_back({&endpoint, endpoint.priority(), zone,
                   settings.splits_zones() && zone == settings.local_zone});
  }
  std::ranges::stable_sort(out, [](const Placed& a, const Placed& b) {
    return a.priority != b.priority ? a.priority < b.priority : a.is_local && !b.is_local;
  });
  return out;
}

void WorkerChoice::make_tiers(const config::LoadBalancer& settings,
                              std::span<const EndpointTier> tiers, std::span<const Placed> placed,
                              std::span<Endpoint* const> before, std::uint64_t seed,
                              TimePoint now) {
  const bool same_policy = std::exchange(policy_, settings.policy) == settings.policy;
  bounded_load_ = settings.bounded_load;
  next_growth_ = no_deadline;
  panics_ = false;
  std::vector<Tier> old = std::exchange(tiers_, {});
  std::vector<control::TierShare> shares;
  std::size_t at = 0;
  for (const EndpointTier& each : tiers) {
    panics_ |= each.traffic.panic;
    const std::size_t begin = at;
    while (at < placed.size() && placed[at].priority == each.priority) ++at;
    // A tier without anybody has no share, or nobody has one.
    if (at == begin) continue;
    shares.push_back(each.traffic);
    Tier& tier = tiers_.emplace_back();
    tier.priority = each.priority;
    const auto was = std::ranges::find(old, each.priority, &Tier::priority);
    // Turns go on, also of groups that have gone and come.
    was != old.end() ? void(tier.turns = was->turns) : tier.turns.reset({}, worker_, workers_);
    const std::vector<std::uint32_t> weights =
        weights_of({endpoints_.data() + begin, at - begin}, settings, now);
    divide(tier, begin, placed.subspan(begin, at - begin), weights);
    const std::span<Group> before_groups =
        same_policy && was != old.end() ? was->in_use() : std::span<Group>();
    for (Group& group : tier.in_use()) {
      take_balancers(group, before_groups, before,
                     std::span(weights).subspan(group.begin - begin, group.size), seed);
    }
  }
  // Tiers that have gone and come do not begin their turns anew.
  old.empty() ? turns_.reset(shares, worker_, workers_) : turns_.change(shares);
}

void WorkerChoice::divide(Tier& tier, std::size_t begin, std::span<const Placed> here,
                          std::span<const std::uint32_t> weights) const {
  const auto local = static_cast<std::size_t>(std::ranges::count_if(here, &Placed::is_local));
  if (local == 0 || local == here.size()) {
    tier.group_count = 1;
    tier.groups[0].begin = begin;
    tier.groups[0].size = here.size();
    return tier.turns.change({});
  }
  // The local zone is the first.
  std::vector<std::string_view> names;
  std::vector<double> sums;
  for (std::size_t i = 0; i < here.size(); ++i) {
    const auto found = std::ranges::find(names, here[i].zone);
    const auto zone = static_cast<std::size_t>(found - names.begin());
    if (found == names.end()) {
      names.push_back(here[i].zone);
      sums.push_back(0);
    }
    // Who cannot be reached gets nothing while others can.
    if (!here[i].endpoint->backoff().has_failed()) sums[zone] += weights[i];
  }
  tier.group_count = 2;
  tier.groups[0].is_local = true;
  tier.groups[0].begin = begin;
  tier.groups[0].size = local;
  tier.groups[1].begin = begin + local;
  tier.groups[1].size = here.size() - local;
  const double stays = control::local_zone_share(sums, 0);
  const control::TierShare shares[]{{.share = stays}, {.share = 1 - stays}};
  tier.turns.change(shares);
}

void WorkerChoice::take_balancers(Group& group, std::span<const Group> old,
                                  std::span<Endpoint* const> before,
                                  std::span<const std::uint32_t> weights,
                                  std::uint64_t seed) const {
  const std::span<Endpoint* const> here(endpoints_.data() + group.begin, group.size);
  const auto with_turns_of = [&](bool alike) {
    for (const Group& each : old) {
      if ((each.is_local == group.is_local) != alike) continue;
      const std::vector<std::size_t> places =
          places_of(here, before.subspan(each.begin, each.size));
      if (std::ranges::all_of(places, [](auto i) { return i == control::is_new; })) continue;
      // A copy: what was one group may have become two.
      group.balancers = each.balancers;
      change_balancer(group, weights, places);
      return true;
    }
    return false;
  };
  if (!with_turns_of(true) && !with_turns_of(false)) set_balancer(group, weights, seed);
}

std::vector<std::uint32_t> WorkerChoice::weights_of(std::span<Endpoint* const> here,
                                                    const config::LoadBalancer& settings,
                                                    TimePoint now) {
  const control::SlowStart growing(settings.slow_start);
  std::vector<std::uint32_t> out = balancer_weights(here, settings.weights, now);
  const bool some_grow = std::ranges::any_of(here, [&](const Endpoint* endpoint) {
    return growing.percent(endpoint->in_use_since(), now) != 100;
  });
  if (!some_grow) return out;
  // SRV records and added up weights may be large: those are in percent as they are.
  constexpr std::uint32_t largest = std::numeric_limits<std::uint32_t>::max() / 100;
  const bool some_large =
      std::ranges::any_of(out, [](std::uint32_t each) { return each > largest; });
  for (std::size_t i = 0; i < here.size(); ++i) {
    const TimePoint since = here[i]->in_use_since();
    next_growth_ = std::min(next_growth_, growing.next_step(since, now));
    // In percent only while that makes a difference.
    const std::uint32_t percent = growing.percent(since, now);
    out[i] = some_large ? std::max<std::uint32_t>(1, out[i] / 100 * percent) : out[i] * percent;
  }
  return out;
}

void WorkerChoice::set_hash(Group& group, std::span<const std::uint32_t> weights) const {
  std::vector<std::uint64_t> ids;
  ids.reserve(group.size);
  for (std::size_t i = 0; i < group.size; ++i) {
    ids.push_back(control::ConsistentHash::id_of(endpoints_[group.begin + i]->address()));
  }
  group.balancers.hash.reset(weights, ids);
}

void WorkerChoice::set_balancer(Group& group, std::span<const std::uint32_t> weights,
                                std::uint64_t seed) const {
  switch (policy_) {
    case config::LoadBalancing::round_robin:
      return group.balancers.round_robin.reset(weights, worker_, workers_);
    case config::LoadBalancing::least_requests:
      return group.balancers.least_requests.reset(weights, worker_, workers_);
    case config::LoadBalancing::random_two:
      return group.balancers.random_two.reset(weights, seed * workers_ + worker_);
    case config::LoadBalancing::peak_ewma:
      return group.balancers.peak_ewma.reset(weights, worker_, workers_);
    case config::LoadBalancing::hash:
      set_hash(group, weights);
      return group.balancers.least_requests.reset(weights, worker_, workers_);
  }
}

void WorkerChoice::change_balancer(Group& group, std::span<const std::uint32_t> weights,
                                   control::Places places) const {
  switch (policy_) {
    case config::LoadBalancing::round_robin:
      return group.balancers.round_robin.change(weights, places);
    case config::LoadBalancing::least_requests:
      return group.balancers.least_requests.change(weights, places);
    case config::LoadBalancing::random_two:
      return group.balancers.random_two.change(weights);
    case config::LoadBalancing::peak_ewma:
      return group.balancers.peak_ewma.change(weights, places);
    case config::LoadBalancing::hash:
      set_hash(group, weights);
      return group.balancers.least_requests.change(weights, places);
  }
}

// A caller with a key has a place of its own, so that it keeps its tier as long as shares are the
// same.
std::size_t WorkerChoice::first_tier(const Caller& caller, control::Turn turn) noexcept {
  if (tiers_.size() < 2) [[likely]]
    return 0;
  if (is_by_key(caller)) {
    return turns_.at_place(static_cast<std::uint32_t>(*caller.key >> 32));
  }
  return turns_.next(turn == control::Turn::moves);
}

void WorkerChoice::tried(const Endpoint& endpoint, const TryOutcome& outcome,
                         TimePoint now) const noexcept {
  if (policy_ != config::LoadBalancing::peak_ewma) [[likely]]
    return;
  control::PeakLatency& latency = endpoint.slot(worker_).latency;
  switch (outcome.end) {
    case control::CallEnd::answered:
      if (outcome.status >= 500) return latency.failed(now, outcome.head);
      return latency.answered(now, outcome.head);
    case control::CallEnd::connect:
    case control::CallEnd::reset:
    case control::CallEnd::timeout:
      return latency.failed(now, outcome.head);
    case control::CallEnd::unknown:
      break;
  }
}

}  // namespace weir::upstream
