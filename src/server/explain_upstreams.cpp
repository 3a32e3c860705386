#include "server/explain_upstreams.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "weir/control/consistent_hash.hpp"
#include "weir/control/sticky_split.hpp"
#include "weir/proxy/balancer_key.hpp"
#include "weir/proxy/forwarder.hpp"
#include "weir/proxy/retried_methods.hpp"
#include "weir/proxy/split_choice.hpp"
#include "weir/upstream/tried.hpp"

namespace weir::server {
namespace {

double in_seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

struct Choice {
  Explanation::Step step;
  std::string upstream;  // "": it is not known beforehand
};

// Who of a split gets the request, and why.
Choice choice_of(const config::UpstreamAction& to, const control::SplitWeights& weights,
                 const Request& request, const Exchange& exchange) {
  const proxy::SplitChoice choice(to, exchange.context.route->path_params);
  if (const auto named = choice.by_header(request.head.headers)) {
    const std::string& upstream = to.split[*named].upstream;
    return {{"override", fmt::format("{} names {}", to.by_header->header, upstream)}, upstream};
  }
  if (!choice.sticky()) return {{"split", "requests take turns, in each worker"}, ""};
  const std::string key = config::to_text(to.sticky->key);
  const auto place = choice.place(request, exchange);
  if (!place) return {{"sticky", fmt::format("{} is missing: it would be set", key)}, ""};
  const std::string& upstream = to.split[control::StickySplit(weights).pick(*place)].upstream;
  return {{"sticky", fmt::format("{}: its hash, {:.4f} of 1, belongs to {}", key,
                                 static_cast<double>(*place) / 4294967296.0, upstream)},
          upstream};
}

// The only one with a weight, "" where there are several.
std::string certain_upstream(const std::vector<Decision::Share>& shares) {
  const auto gets = [](const Decision::Share& each) { return each.part > 0; };
  return std::ranges::count_if(shares, gets) == 1 ? std::ranges::find_if(shares, gets)->upstream
                                                  : "";
}

// The endpoint that a key scores best with, "" where look-ups, a file and priorities decide, too.
std::string best_endpoint(const config::Upstream& upstream, std::uint64_t key) {
  if (upstream.endpoints_from) return "";
  std::vector<std::uint32_t> weights;
  std::vector<std::uint64_t> ids;
  for (const config::EndpointSpec& each : upstream.endpoints) {
    const bool alike = each.priority == upstream.endpoints.front().priority;
    if (!alike || !SocketAddress::parse(each.address)) return "";
    weights.push_back(each.weight);
    ids.push_back(control::ConsistentHash::id_of(each.address));
  }
  control::ConsistentHash table;
  table.reset(weights, ids);
  const auto best = table.pick(
      key, 0, [](std::size_t) { return true; }, [](std::size_t) { return std::uint64_t{0}; });
  return best ? upstream.endpoints[*best].address : "";
}

std::string keyless_balancer_text(const config::LoadBalancer& balancer) {
  std::string out(config::name(balancer.policy));
  if (balancer.weights == config::BalancerWeights::reported) {
    out += ", by the load that endpoints report";
  }
  if (balancer.splits_zones()) out += fmt::format("; zone {} first", balancer.local_zone);
  return out;
}

std::string balancer_text(const config::Upstream& upstream, const config::Route& route,
                          const Request& request, const Exchange& exchange) {
  const config::LoadBalancer& balancer = upstream.load_balancer;
  if (!balancer.key) return keyless_balancer_text(balancer);
  const proxy::BalancerKey key(*balancer.key, route.match.path_params);
  const std::string named = fmt::format("hash of {}", config::to_text(*balancer.key));
  const auto hash = key.of(request, exchange);
  if (!hash) return named + ", which is missing: it would be set";
  const std::string best = best_endpoint(upstream, *hash);
  if (best.empty()) return named;
  return fmt::format("{}: {}, as long as that is in use{}", named, best,
                     balancer.bounded_load == 0 ? "" : " and not too full");
}

std::string shed_text(const config::BreakerShed& shed) {
  std::string past;
  if (shed.rate.tokens != 0) past = config::to_text(shed.rate);
  if (shed.p95 != Duration::zero()) {
    past += fmt::format("{}a p95 of {:g}s", past.empty() ? "" : " or ", in_seconds(shed.p95));
  }
  return fmt::format("; refuses {:g}% of the requests past {}", 100 * shed.share, past);
}

std::string breaker_text(const config::CircuitBreaker& breaker) {
  std::string out = fmt::format(
      "opens for {:g}s when {:g}% of {} or more calls in {} failed, or {:g}% took "
      "longer than {:g}s",
      in_seconds(breaker.open_for), 100 * breaker.failure_rate, breaker.minimum_calls,
      breaker.window.calls == 0 ? fmt::format("{:g}s", in_seconds(breaker.window.time))
                                : fmt::format("the last {}", breaker.window.calls),
      100 * breaker.slow_call_rate, in_seconds(breaker.slow_call));
  if (breaker.shed) out += shed_text(*breaker.shed);
  return out;
}

std::string check_text(const config::HealthCheck& check) {
  std::string what;
  switch (check.type) {
    case config::HealthCheckType::http:
      what = fmt::format("{} {}", check.method, check.path);
      break;
    case config::HealthCheckType::grpc:
      what = check.service.empty() ? "grpc" : "grpc " + check.service;
      break;
    case config::HealthCheckType::tcp:
      what = "a connect";
      break;
  }
  return fmt::format("{} every {:g}s; out after {} failed, back after {} passed", what,
                     in_seconds(check.interval), check.unhealthy_after, check.healthy_after);
}

std::string outlier_text(const config::OutlierDetection& outliers) {
  std::string causes;
  if (outliers.consecutive_errors != 0) {
    causes = fmt::format("{} errors in a row", outliers.consecutive_errors);
  }
  if (outliers.failure_share != 0) {
    causes += fmt::format("{}{:g}% of {} or more requests in {:g}s", causes.empty() ? "" : " or ",
                          100 * outliers.failure_share, outliers.minimum_requests,
                          in_seconds(outliers.interval));
  }
  return fmt::format("ejects for {:g}s after {}, at most {:g}% of the endpoints",
                     in_seconds(outliers.ejection_time), causes, 100 * outliers.max_ejected);
}

// How many endpoints a request may fail to connect to.
std::string failover_text(bool on) {
  return on ? fmt::format(
                  "a failed connect goes to another endpoint, {} at most, or once more to an only "
                  "one",
                  upstream::Tried::most_connects)
            : "off: a failed connect goes to no other endpoint";
}

std::string retry_text(const config::Route& route, const RequestHead& head) {
  if (!route.retry) return failover_text(route.failover);
  const config::Retry& retry = *route.retry;
  const std::string conditions =
      fmt::format("{}", fmt::join(config::words_of(retry.conditions), ", "));
  if (retry.retries == 0) return "none, since `retries` is 0; " + failover_text(route.failover);
  std::string out = fmt::format("{} more {} for {}; it waits up to {:g}s, at most {:g}s",
                                retry.retries, retry.retries == 1 ? "try" : "tries", conditions,
                                in_seconds(retry.backoff.base), in_seconds(retry.backoff.max));
  if (retry.try_timeout != Duration::zero()) {
    out += fmt::format("; each try has {:g}s to its answer's head", in_seconds(retry.try_timeout));
  }
  if (!proxy::may_be_retried(retry, head)) {
    out += fmt::format("; of {} only what no upstream has seen, since `methods` has {}{}",
                       head.method_text, fmt::join(config::words_of(retry.methods), ", "),
                       retry.idempotency_key ? " and it has no Idempotency-Key" : "");
  } else if (head.framing == Framing::length && head.content_length > retry.max_body) {
    out += fmt::format("; not once content was sent: {} bytes are more than `max_body` keeps, {}",
                       head.content_length, retry.max_body);
  }
  return out + "; " + failover_text(route.failover);
}

std::string budget_text(const config::RetryBudget& budget) {
  return fmt::format("retries at a time: {:g}% of the requests in flight, but always {}",
                     100 * budget.share, budget.min);
}

// Who can answer, and what keeps requests off.
void explain_upstream(const config::Upstream& upstream, const config::Route& route,
                      const Request& request, const Exchange& exchange, const LiveState& live,
                      Explanation& out) {
  std::vector<std::string> endpoints;
  for (const config::EndpointSpec& one : upstream.endpoints) endpoints.push_back(one.address);
  if (upstream.endpoints_from)
    endpoints.push_back("those of " + config::source_of(*upstream.endpoints_from).substr(15));
  out.steps.push_back(
      {"endpoints " + upstream.name, fmt::format("{}", fmt::join(endpoints, ", "))});
  if (const std::string now = live.out_of_use ? live.out_of_use(upstream.name) : ""; !now.empty()) {
    out.steps.back().text += "; not in use: " + now;
  }
  out.steps.push_back(
      {"load_balancer " + upstream.name, balancer_text(upstream, route, request, exchange)});
  if (upstream.health_check) {
    out.steps.push_back({"health_check " + upstream.name, check_text(*upstream.health_check)});
  }
  if (upstream.outlier_detection) {
    out.steps.push_back(
        {"outlier_detection " + upstream.name, outlier_text(*upstream.outlier_detection)});
  }
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
                       bool in_words, Explanation& out) {
  const auto& to = std::get<config::UpstreamAction>(route.action);
  const control::SplitWeights weights =
      to.is_split && live.weights ? live.weights(route) : proxy::configured_weights(to.split);
  const auto sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (std::size_t i = 0; i < to.split.size(); ++i) {
    out.decision.shares.push_back({to.split[i].upstream, weights[i] / sum});
  }
  Choice choice{{"upstream", ""}, out.decision.shares.front().upstream};
  if (to.is_split) choice = choice_of(to, weights, request, exchange);
  out.decision.upstream =
      choice.upstream.empty() ? certain_upstream(out.decision.shares) : choice.upstream;
  if (!in_words) return;
  if (to.is_split) {
    out.steps.push_back({"upstream", split_text(to.split, weights)});
    out.steps.push_back(std::move(choice.step));
  } else {
    out.steps.push_back({"upstream", action_text(route)});
  }
  for (const config::SplitShare& share : to.split) {
    const config::Upstream& upstream = *config.find_upstream(share.upstream);
    explain_upstream(upstream, route, request, exchange, live, out);
    if (!route.retry) continue;
    out.steps.push_back({"retry_budget " + upstream.name, budget_text(upstream.retry_budget)});
  }
  out.steps.push_back({"retry", retry_text(route, request.head)});
  const auto& fallback = route.fallback;
  if (!fallback) return;
  out.steps.push_back({"fallback", fallback_text(*fallback)});
  const bool is_told = fallback->upstream.empty() ||
                       std::ranges::find(to.split, fallback->upstream,
                                         &config::SplitShare::upstream) != to.split.end();
  if (!is_told)
    explain_upstream(*config.find_upstream(fallback->upstream), route, request, exchange, live,
                     out);
}

}  // namespace weir::server
