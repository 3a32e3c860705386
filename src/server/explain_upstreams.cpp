#include "server/explain_upstreams.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "weir/control/sticky_split.hpp"
#include "weir/proxy/forwarder.hpp"
#include "weir/proxy/split_choice.hpp"

namespace weir::server {
namespace {

double in_seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// Who of a split gets the request, and why.
Explanation::Step choice_step(const config::UpstreamAction& to,
                              const control::SplitWeights& weights, const Request& request,
                              const Exchange& exchange) {
  const proxy::SplitChoice choice(to, exchange.context.route->path_params);
  if (const auto named = choice.by_header(request.head.headers)) {
    return {"override",
            fmt::format("{} names {}", to.by_header->header, to.split[*named].upstream)};
  }
  if (!choice.sticky()) return {"split", "requests take turns, in each worker"};
  const std::string key = config::to_text(to.sticky->key);
  const auto place = choice.place(request, exchange);
  if (!place) return {"sticky", fmt::format("{} is missing: it would be set", key)};
  return {"sticky", fmt::format("{}: its hash, {:.4f} of 1, belongs to {}", key,
                                static_cast<double>(*place) / 4294967296.0,
                                to.split[control::StickySplit(weights).pick(*place)].upstream)};
}

std::string breaker_text(const config::CircuitBreaker& breaker) {
  return fmt::format(
      "opens for {:g}s when {:g}% of {} or more calls in {} failed, or {:g}% took "
      "longer than {:g}s",
      in_seconds(breaker.open_for), 100 * breaker.failure_rate, breaker.minimum_calls,
      breaker.window.calls == 0 ? fmt::format("{:g}s", in_seconds(breaker.window.time))
                                : fmt::format("the last {}", breaker.window.calls),
      100 * breaker.slow_call_rate, in_seconds(breaker.slow_call));
}

// Who can answer, and what keeps requests off.
void explain_upstream(const config::Upstream& upstream, const LiveState& live, Explanation& out) {
  std::vector<std::string> endpoints;
  for (const config::EndpointSpec& one : upstream.endpoints) endpoints.push_back(one.address);
  out.steps.push_back(
      {"endpoints " + upstream.name, fmt::format("{}", fmt::join(endpoints, ", "))});
  std::string breaker =
      upstream.circuit_breaker ? breaker_text(*upstream.circuit_breaker) : std::string();
  if (const std::string now = live.breaker ? live.breaker(upstream.name) : ""; !now.empty()) {
    breaker += (breaker.empty() ? "now " : "; now ") + now;
  }
  if (!breaker.empty()) {
    out.steps.push_back({"circuit_breaker " + upstream.name, std::move(breaker)});
  }
}

}  // namespace

void explain_upstreams(const config::Config& config, const config::Route& route,
                       const Request& request, const Exchange& exchange, const LiveState& live,
                       Explanation& out) {
  const auto& to = std::get<config::UpstreamAction>(route.action);
  if (to.is_split) {
    const control::SplitWeights weights =
        live.weights ? live.weights(route) : proxy::configured_weights(to.split);
    out.steps.push_back({"upstream", split_text(to.split, weights)});
    out.steps.push_back(choice_step(to, weights, request, exchange));
  } else {
    out.steps.push_back({"upstream", action_text(route)});
  }
  for (const config::SplitShare& share : to.split) {
    explain_upstream(*config.find_upstream(share.upstream), live, out);
  }
  const auto& fallback = route.fallback;
  if (!fallback) return;
  out.steps.push_back({"fallback", fallback_text(*fallback)});
  const bool is_told = fallback->upstream.empty() ||
                       std::ranges::find(to.split, fallback->upstream,
                                         &config::SplitShare::upstream) != to.split.end();
  if (!is_told) explain_upstream(*config.find_upstream(fallback->upstream), live, out);
}

}  // namespace weir::server
