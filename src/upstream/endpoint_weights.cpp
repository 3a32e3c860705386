#include "upstream/endpoint_weights.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>

#include "weir/control/reported_weight.hpp"
#include "weir/control/slow_start.hpp"
#include "weir/control/zone_split.hpp"

namespace weir::upstream {
namespace {

using Standing = control::ReportedWeight::Standing;

std::int64_t whole_seconds(Duration time) {
  return std::chrono::floor<std::chrono::seconds>(time).count();
}

std::string why_of_reports(const control::ReportedWeight::View& seen) {
  using control::ReportedWeight;
  switch (seen.standing) {
    case Standing::none:
      return "no report yet";
    case Standing::blackout:
      return fmt::format("reports for {} s, they count after {} s", whole_seconds(seen.since),
                         whole_seconds(ReportedWeight::blackout));
    case Standing::used:
      return fmt::format("reported {} s ago", whole_seconds(seen.last));
    case Standing::stale:
      return fmt::format("no report for {} s, the last counts for {} s", whole_seconds(seen.last),
                         whole_seconds(ReportedWeight::stale));
  }
  return {};
}

// Of one priority, with slow_start.
void weigh_reported(std::span<const Endpoint* const> here, std::span<WeightNow* const> out,
                    const control::SlowStart& growing, TimePoint now) {
  std::vector<double> reported;
  reported.reserve(here.size());
  for (const Endpoint* const endpoint : here) {
    reported.push_back(endpoint->load().at(now, endpoint->in_use_since()));
  }
  const double mean = control::mean_weight(reported);
  for (std::size_t i = 0; i < here.size(); ++i) {
    const double percent = growing.percent(here[i]->in_use_since(), now);
    double weight = here[i]->weight();
    if (reported[i] > 0) {
      out[i]->source = WeightSource::reported;
      weight = reported[i];
    } else if (mean > 0) {
      out[i]->source = WeightSource::mean;
      weight = mean;
    }
    out[i]->weight = weight * percent / 100;
  }
}

}  // namespace

std::string_view name(WeightSource source) noexcept {
  switch (source) {
    case WeightSource::configured:
      break;
    case WeightSource::reported:
      return "reported";
    case WeightSource::mean:
      return "mean";
  }
  return "configured";
}

std::vector<std::uint32_t> balancer_weights(std::span<Endpoint* const> endpoints,
                                            config::BalancerWeights weights, TimePoint now) {
  std::vector<std::uint32_t> configured;
  configured.reserve(endpoints.size());
  for (const Endpoint* const endpoint : endpoints) configured.push_back(endpoint->weight());
  if (weights == config::BalancerWeights::configured) return configured;
  std::vector<double> reported;
  reported.reserve(endpoints.size());
  for (const Endpoint* const endpoint : endpoints) {
    reported.push_back(endpoint->load().at(now, endpoint->in_use_since()));
  }
  return control::weights_by_reports(reported, configured);
}

std::vector<WeightNow> weights_now(std::span<const std::shared_ptr<Endpoint>> endpoints,
                                   std::span<const EndpointTier> tiers,
                                   const config::LoadBalancer& balancer, TimePoint now) {
  const control::SlowStart growing(balancer.slow_start);
  const bool by_reports = balancer.weights == config::BalancerWeights::reported;
  std::vector<WeightNow> out(endpoints.size());
  for (const EndpointTier& tier : tiers) {
    std::vector<const Endpoint*> here;
    std::vector<WeightNow*> of_here;
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
      const Endpoint& endpoint = *endpoints[i];
      if (endpoint.priority() != tier.priority || !is_in_use(endpoint, tiers)) continue;
      here.push_back(&endpoint);
      of_here.push_back(&out[i]);
    }
    if (by_reports) {
      weigh_reported(here, of_here, growing, now);
      continue;
    }
    for (std::size_t i = 0; i < here.size(); ++i) {
      of_here[i]->weight = static_cast<double>(here[i]->weight()) *
                           growing.percent(here[i]->in_use_since(), now) / 100;
    }
  }
  for (std::size_t i = 0; by_reports && i < out.size(); ++i) {
    out[i].why = why_of_reports(endpoints[i]->load().view(now, endpoints[i]->in_use_since()));
  }
  return out;
}

std::vector<ZoneInfo> zones_now(std::span<const std::shared_ptr<Endpoint>> endpoints,
                                std::span<const std::string> zones,
                                std::span<const EndpointTier> tiers,
                                std::span<const WeightNow> weights,
                                const config::LoadBalancer& balancer) {
  std::vector<ZoneInfo> out;
  if (zones.empty()) return out;
  std::vector<std::string> names(zones.begin(), zones.end());
  std::ranges::sort(names);
  const auto same = std::ranges::unique(names);
  names.erase(same.begin(), same.end());
  const auto place_of = [&](const std::string& zone) {
    return static_cast<std::size_t>(std::ranges::lower_bound(names, zone) - names.begin());
  };
  for (const std::string& zone : names) {
    out.push_back(
        {.zone = zone, .local = !balancer.local_zone.empty() && zone == balancer.local_zone});
  }
  // Who cannot be reached gets nothing while others can.
  const auto in_reach = [&](std::size_t i) {
    return endpoints[i]->backoff().has_failed() ? 0.0 : weights[i].weight;
  };
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    ZoneInfo& zone = out[place_of(zones[i])];
    ++zone.endpoints;
    if (in_reach(i) > 0) ++zone.in_use;
  }
  for (const EndpointTier& tier : tiers) {
    std::vector<double> sums(out.size());
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
      if (endpoints[i]->priority() == tier.priority) sums[place_of(zones[i])] += in_reach(i);
    }
    const double all = std::accumulate(sums.begin(), sums.end(), 0.0);
    if (!(all > 0)) continue;
    const auto local = std::ranges::find(out, true, &ZoneInfo::local);
    const auto at = static_cast<std::size_t>(local - out.begin());
    const bool splits = balancer.splits_zones() && local != out.end() && sums[at] > 0;
    const double stays = splits ? control::local_zone_share(sums, at) : 0;
    const double others = splits ? all - sums[at] : all;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const double part = splits && i == at ? stays
                          : others > 0      ? (1 - stays) * sums[i] / others
                                            : 0;
      out[i].share += tier.traffic.share * part;
    }
  }
  return out;
}

}  // namespace weir::upstream
