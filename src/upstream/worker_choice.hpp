// Which endpoint the next request of a worker goes to: the tiers by priority, the balancer of each,
// the weights as they are now. Owned by a WorkerView; its worker's thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "upstream/endpoint_tiers.hpp"
#include "weir/config/load_balancer.hpp"
#include "weir/control/consistent_hash.hpp"
#include "weir/control/load_balancer.hpp"
#include "weir/control/peak_ewma.hpp"
#include "weir/control/tiers.hpp"
#include "weir/upstream/caller.hpp"
#include "weir/upstream/endpoint.hpp"
#include "weir/upstream/try_outcome.hpp"

namespace weir::upstream {

class WorkerChoice {
 public:
  WorkerChoice(unsigned worker, unsigned workers) noexcept : worker_(worker), workers_(workers) {}

  // Chooses among those of `endpoints` that may be used, with their weights of `now`. `zones`:
  // where each of them is; empty: they have none. Endpoints that stay keep their turn: changes that
  // come often must not favour any of them. When it throws (bad_alloc) nobody is chosen until it
  // was called again.
  void change(const config::LoadBalancer& settings,
              std::span<const std::shared_ptr<Endpoint>> endpoints,
              std::span<const std::string> zones, std::uint64_t seed, TimePoint now);

  // Those that may be used, tier by tier.
  std::span<Endpoint* const> endpoints() const noexcept { return endpoints_; }
  // The one that there is; null where there are others, or none.
  Endpoint* only() const noexcept { return endpoints_.size() == 1 ? endpoints_.front() : nullptr; }
  bool contains(const Endpoint* endpoint) const noexcept;
  // The health of some tier is ignored.
  bool panics() const noexcept { return panics_; }
  // When a weight that grows has grown: change() is to be called then. no_deadline: never.
  Deadline next_growth() const noexcept { return next_growth_; }

  // The same caller gets the same endpoint, whoever asked before.
  bool is_by_key(const Caller& caller) const noexcept {
    return policy_ == config::LoadBalancing::hash && caller.key;
  }
  // Where a request begins to look. A turn that `stays` is as for balancers.
  std::size_t first_tier(const Caller& caller, control::Turn turn) noexcept;
  // The balancer's choice among the eligible endpoints of tier `first`; those of the tiers behind
  // it, then of those before it, where it has none. Null for none.
  template <class Eligible>
  Endpoint* pick(std::size_t first, const Caller& caller, TimePoint now, control::Turn turn,
                 Eligible&& eligible);

  // What a try came to, for policies that look at answers.
  void tried(const Endpoint& endpoint, const TryOutcome& outcome, TimePoint now) const noexcept;

 private:
  struct Balancers {
    control::RoundRobin round_robin;
    control::LeastRequests least_requests;
    control::RandomTwo random_two;
    control::PeakEwma peak_ewma;
    control::ConsistentHash hash;  // least_requests, too, for requests without a key
  };
  // Who is balanced among each other.
  struct Group {
    bool is_local = false;  // those of the gateway's zone, beside a group of the others
    std::size_t begin = 0;  // in endpoints_
    std::size_t size = 0;
    Balancers balancers;
  };
  struct Tier {
    std::uint32_t priority = 0;
    std::size_t group_count = 1;  // 2: the gateway's zone, then the others
    std::array<Group, 2> groups;
    control::TierTurns turns;  // of two groups

    std::span<Group> in_use() noexcept { return {groups.data(), group_count}; }
  };
  // An endpoint that may be used, as it is while the tiers are made.
  struct Placed {
    Endpoint* endpoint;
    std::uint32_t priority;
    std::string_view zone;
    bool is_local;
  };
  static std::vector<Placed> place(const config::LoadBalancer& settings,
                                   std::span<const std::shared_ptr<Endpoint>> endpoints,
                                   std::span<const std::string> zones,
                                   std::span<const EndpointTier> tiers);

  void make_tiers(const config::LoadBalancer& settings, std::span<const EndpointTier> tiers,
                  std::span<const Placed> placed, std::span<Endpoint* const> before,
                  std::uint64_t seed, TimePoint now);
  // The groups of a tier whose endpoints are `here`, from `begin` on, with these weights.
  void divide(Tier& tier, std::size_t begin, std::span<const Placed> here,
              std::span<const std::uint32_t> weights) const;
  // With the turns of a group of `old` that had some of its endpoints, if there is one.
  void take_balancers(Group& group, std::span<const Group> old, std::span<Endpoint* const> before,
                      std::span<const std::uint32_t> weights, std::uint64_t seed) const;
  void set_balancer(Group& group, std::span<const std::uint32_t> weights, std::uint64_t seed) const;
  void change_balancer(Group& group, std::span<const std::uint32_t> weights,
                       control::Places places) const;
  void set_hash(Group& group, std::span<const std::uint32_t> weights) const;
  std::vector<std::uint32_t> weights_of(std::span<Endpoint* const> here,
                                        const config::LoadBalancer& settings, TimePoint now);
  template <class Eligible>
  std::optional<std::size_t> pick_in(Group& group, const Caller& caller, TimePoint now,
                                     control::Turn turn, Eligible&& eligible);

  const unsigned worker_;
  const unsigned workers_;
  config::LoadBalancing policy_ = config::LoadBalancing::round_robin;
  double bounded_load_ = 0;
  bool panics_ = false;
  Deadline next_growth_ = no_deadline;
  std::vector<Endpoint*> endpoints_;
  std::vector<Tier> tiers_;  // of each priority that has an endpoint to be used
  control::TierTurns turns_;
};

template <class Eligible>
std::optional<std::size_t> WorkerChoice::pick_in(Group& group, const Caller& caller, TimePoint now,
                                                 control::Turn turn, Eligible&& eligible) {
  Endpoint* const* const here = endpoints_.data() + group.begin;
  const auto may = [&](std::size_t i) { return eligible(*here[i]); };
  const auto load = [&](std::size_t i) { return here[i]->in_flight(); };
  switch (policy_) {
    case config::LoadBalancing::round_robin:
      return group.balancers.round_robin.pick(may, turn);
    case config::LoadBalancing::least_requests:
      return group.balancers.least_requests.pick(may, load, turn);
    case config::LoadBalancing::random_two:
      return group.balancers.random_two.pick(may, load);
    case config::LoadBalancing::peak_ewma:
      return group.balancers.peak_ewma.pick(
          may, load, [&](std::size_t i) { return here[i]->slot(worker_).latency.at(now); }, turn);
    case config::LoadBalancing::hash:
      if (!caller.key) return group.balancers.least_requests.pick(may, load, turn);
      return group.balancers.hash.pick(*caller.key, bounded_load_, may, load);
  }
  return std::nullopt;
}

template <class Eligible>
Endpoint* WorkerChoice::pick(std::size_t first, const Caller& caller, TimePoint now,
                             control::Turn turn, Eligible&& eligible) {
  std::size_t at = first;
  for (std::size_t looked = 0; looked < tiers_.size(); ++looked) {
    Tier& tier = tiers_[at];
    // The other zones are asked where this one has nobody, and the other way round.
    std::size_t turns = tier.turns.next(turn == control::Turn::moves);
    for (std::size_t asked = 0; asked < tier.group_count; ++asked, turns ^= 1) {
      Group& group = tier.groups[turns];
      if (const auto chosen = pick_in(group, caller, now, turn, eligible)) {
        return endpoints_[group.begin + *chosen];
      }
    }
    at = at + 1 == tiers_.size() ? 0 : at + 1;
  }
  return nullptr;
}

}  // namespace weir::upstream
