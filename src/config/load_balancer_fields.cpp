#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/blocks.hpp"
#include "config/draft.hpp"
#include "config/key_fields.hpp"
#include "config/kinds.hpp"

namespace weir::config {
namespace {

constexpr std::array<std::pair<std::string_view, LoadBalancing>, 5> balancing_policies{{
    {"round_robin", LoadBalancing::round_robin},
    {"least_requests", LoadBalancing::least_requests},
    {"random_two", LoadBalancing::random_two},
    {"peak_ewma", LoadBalancing::peak_ewma},
    {"hash", LoadBalancing::hash},
}};

// Nothing is printed without one.
Value optional_key(std::optional<Key>& target) {
  Key sample;
  Value out{.read = {}, .print = {}, .schema = key(sample).schema};
  out.read = [&target](const Reader& in) {
    Key written;
    written.parts.clear();
    key(written).read(in);
    if (!written.parts.empty()) target = std::move(written);
  };
  out.print = [&target] {
    if (!target) return Tree();
    Key copy = *target;
    return key(copy).print();
  };
  return out;
}

// `off`, or a share above 100 %.
Value bounded_load_value(double& target) {
  return {.read =
              [&target](const Reader& in) {
                const auto written = in.text();
                if (!written) return;
                if (*written == "off" || *written == "false") {
                  target = 0;
                  return;
                }
                const auto read = parse_multiple(*written);
                if (read && *read > 1) {
                  target = *read;
                } else {
                  in.error(in_quotes(*written) +
                           " is neither a share above 100%, such as 125%, nor off");
                }
              },
          .print = [&target] { return target == 0 ? Tree("off") : Tree(format_share(target)); },
          .schema =
              [] {
                Tree off = Tree::list();
                off.push("off");
                off.push(false);
                Tree any = Tree::list();
                any.push(pattern_schema(R"(^[0-9]+(\.[0-9]{1,9})?%$)"));
                any.push(Tree::map({{"enum", std::move(off)}}));
                return Tree::map({{"anyOf", std::move(any)}});
              }};
}

Fields load_balancer_fields(LoadBalancer& balancer) {
  return {
      {"policy",
       choice<LoadBalancing>(balancer.policy,
                             {balancing_policies.begin(), balancing_policies.end()}),
       "which endpoint a request goes to; weights are honoured"},
      {"key", optional_key(balancer.key),
       "with policy hash: what identifies a caller, who keeps its endpoint"},
      {"bounded_load", bounded_load_value(balancer.bounded_load),
       "with policy hash: the requests of an endpoint compared with its share of all; what is "
       "above "
       "goes to the caller's next endpoint; off: no bound"},
      {"slow_start", duration(balancer.slow_start, Zero::allowed),
       "how long the weight of a new or recovered endpoint grows, from 10% on; 0: off"},
      {"panic_threshold", share(balancer.panic_threshold),
       "with a smaller share of healthy endpoints in a priority, their health is ignored; 0%: "
       "never"},
      {"zone_aware", flag(balancer.zone_aware),
       "endpoints of server.zone get as much of the traffic as they can take; not with hash"},
      {"weights",
       choice<BalancerWeights>(balancer.weights, {{"configured", BalancerWeights::configured},
                                                  {"reported", BalancerWeights::reported}}),
       "reported: by the field endpoint-load-metrics of answers (ORCA), which clients do not get; "
       "not with hash"},
  };
}

}  // namespace

std::string_view name(LoadBalancing policy) noexcept {
  return std::ranges::find(balancing_policies, policy,
                           &std::pair<std::string_view, LoadBalancing>::second)
      ->first;
}

Value load_balancer_value(LoadBalancer& balancer) {
  Value out = block(load_balancer_fields(balancer));
  out.read = [&balancer](const Reader& in) {
    Problems& problems = in.context().problems;
    const Places places = read_fields(in, load_balancer_fields(balancer));
    const bool is_hash = balancer.policy == LoadBalancing::hash;
    if (is_hash && !places.has("key")) {
      problems.error(places.of("policy", in.place()), key_path(in.path(), "policy"),
                     "'hash' needs `key`: what identifies a caller, such as `key: client_ip` or "
                     "`key: {cookie: NAME}`");
    }
    for (const std::string_view only_hash : {"key", "bounded_load"}) {
      if (is_hash || !places.has(only_hash)) continue;
      // The default of bounded_load is printed with every policy, and says nothing.
      if (only_hash == "bounded_load" && balancer.bounded_load == LoadBalancer{}.bounded_load) {
        continue;
      }
      problems.error(places.of(only_hash, in.place()), key_path(in.path(), only_hash),
                     "is for `policy: hash` alone");
    }
    balancer.zone_aware_place = places.of("zone_aware", in.place());
    const auto refuse_for_hash = [&](std::string_view key, bool is_on) {
      if (!is_hash || !is_on) return;
      problems.error(places.of(key, in.place()), key_path(in.path(), key),
                     "does not go with `policy: hash`, where a caller keeps its endpoint");
    };
    refuse_for_hash("zone_aware", balancer.zone_aware);
    refuse_for_hash("weights", balancer.weights == BalancerWeights::reported);
  };
  return out;
}

void check_balancer_keys(const RouteDraft& draft,
                         const std::function<const Upstream*(std::string_view)>& upstream_of,
                         bool after_jwt, Problems& problems) {
  // Those that answer; a mirrored copy has no key.
  std::vector<std::string_view> names;
  if (const auto* to = std::get_if<UpstreamAction>(&draft.route.action)) {
    for (const SplitShare& each : to->split) names.push_back(each.upstream);
  }
  if (draft.route.fallback) names.push_back(draft.route.fallback->upstream);
  for (const std::string_view name : names) {
    const Upstream* const upstream = upstream_of(name);
    const auto written = std::ranges::find(draft.upstreams, name, &Written::text);
    if (upstream == nullptr || written == draft.upstreams.end()) continue;
    const auto check = [&](const std::optional<Key>& key, std::string_view where) {
      if (!key) return;
      const std::string fault = key_fault(*key, draft.route.match.path_params, after_jwt);
      if (fault.empty()) return;
      problems.error(written->place, written->path,
                     fmt::format("{} of {}: {}", where, in_quotes(name), fault));
    };
    check(upstream->load_balancer.key, "load_balancer");
    check(upstream->pool.fair, "pool.fair");
  }
}

}  // namespace weir::config
