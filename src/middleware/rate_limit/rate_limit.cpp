#include "middleware/rate_limit/rate_limit.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "weir/config/model.hpp"
#include "weir/http/answer.hpp"
#include "weir/net/loop_of.hpp"

namespace weir {
namespace {

// The window that draft-ietf-httpapi-ratelimit-headers wants: how long a whole burst takes to come.
std::uint64_t window_seconds(const config::RateLimit& spec) {
  const auto period = static_cast<unsigned __int128>(spec.rate.period.count());
  const unsigned __int128 per_second =
      static_cast<unsigned __int128>(spec.rate.tokens) * 1'000'000'000;
  return std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>((spec.bucket() * period + per_second - 1) / per_second));
}

// What must be the same for the buckets to go on after a reload.
std::string settings(const config::RateLimit& spec) {
  return fmt::format("{}/{} burst {} cost {} keys {} by {}", spec.rate.tokens,
                     spec.rate.period.count(), spec.bucket(), spec.cost, spec.max_keys,
                     to_text(spec.key));
}

}  // namespace

RateLimit::RateLimit(std::string_view name, const config::RateLimit& spec,
                     const MiddlewareServices& services)
    : name_(name),
      burst_(spec.bucket()),
      cost_(spec.cost),
      dry_run_(spec.dry_run),
      key_(spec.key.parts),
      policy_item_(fmt::format("\"{}\";q={};w={}", name, burst_, window_seconds(spec))),
      limiter_(services.kept.get<control::RateLimiter>(
          name, settings(spec),
          [&] {
            return std::make_shared<control::RateLimiter>(
                control::RateLimiter::Rules{.tokens = spec.rate.tokens,
                                            .period = spec.rate.period,
                                            .burst = spec.bucket(),
                                            .cost = spec.cost,
                                            .max_keys = spec.max_keys});
          })),
      metrics_(services.metrics.rate_limit(name)) {}

Task<Response> RateLimit::handle(Request& request, Exchange& exchange, Next next) {
  const CallerKey::Bytes caller = key_.of(request, exchange, exchange.context.path_param_names());
  const auto decision = limiter_->decide(caller.view(), net::loop_of(exchange).now());
  if (exchange.decisions.rate_limits != nullptr) {
    static_cast<RateLimitMarks&>(*exchange.decisions.rate_limits).add(*this, decision);
  }
  telemetry::RateLimitShard& counts = metrics_->shard(exchange.context.connection.worker);
  if (decision.allowed) {
    counts.allowed.add();
  } else if (dry_run_) {
    counts.dry_run.add();
  } else {
    counts.limited.add();
    exchange.decisions.limit_key = key_.text(caller);
    return refuse(*this, limiter_->view(decision).grows, exchange);
  }
  return next(request, exchange);
}

Task<Response> RateLimit::refuse(const RateLimit& policy, Duration wait, const Exchange& exchange) {
  co_return problem(Reason::rate_limited, fmt::format("the limit {} is used up", policy.name_),
                    exchange.context.request_id(), wait);
}

control::RateLimiter::Decision RateLimit::look(const Request& request,
                                               const Exchange& exchange) const {
  const CallerKey::Bytes caller = key_.of(request, exchange, exchange.context.path_param_names());
  return limiter_->look(caller.view(), net::loop_of(exchange).now());
}

std::shared_ptr<Middleware> make_rate_limit(const config::RateLimit& spec, const Making& with) {
  return std::make_shared<RateLimit>(with.name, spec, with.services);
}

// Only a running gateway knows how much of it is used.
Explained explain_rate_limit(const config::RateLimit& spec, Explaining&) {
  return {.text = fmt::format("rate_limit: {}, burst {}, cost {}, by {}{}", to_text(spec.rate),
                              spec.bucket(), spec.cost, to_text(spec.key),
                              spec.dry_run ? ", dry run" : "")};
}

}  // namespace weir
