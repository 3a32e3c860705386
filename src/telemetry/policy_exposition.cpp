#include <array>
#include <string>

#include "telemetry/exposition.hpp"
#include "telemetry/families.hpp"
#include "telemetry/sums.hpp"

namespace weir::telemetry {

void Exposition::collect_rate_limits(Families& out) const {
  auto decisions = counter_family("weir_rate_limit_total",
                                  "Decisions of rate limits, one for each request and policy.");
  for (const auto& [key, held] : metrics_.rate_limits_) {
    std::uint64_t allowed = 0;
    std::uint64_t limited = 0;
    std::uint64_t dry_run = 0;
    held.series->for_each([&](const RateLimitShard& shard) {
      allowed += shard.allowed.value();
      limited += shard.limited.value();
      dry_run += shard.dry_run.value();
    });
    const Label policy{"policy", held.series->policy()};
    decisions.counter({policy, {"decision", "allowed"}}, allowed);
    decisions.counter({policy, {"decision", "limited"}}, limited);
    decisions.counter({policy, {"decision", "dry_run"}}, dry_run);
  }
  std::move(decisions).append_to(out);
}

void Exposition::collect_load_sheds(Families& out) const {
  auto refused = counter_family("weir_load_shed_requests_total",
                                "Requests that load_shed refused, by their priority and why.");
  auto level = gauge_family("weir_load_shed_level",
                            "Priorities that load_shed refuses: 0 none, 1 low, 2 normal and low, 3 "
                            "all but critical.",
                            Fold::largest);
  for (const auto& [key, held] : metrics_.load_sheds_) {
    const LoadShedMetrics& shed = *held.series;
    const Label policy{"policy", shed.policy()};
    for (std::size_t p = 0; p + 1 < priority_count; ++p) {
      for (std::size_t c = 0; c < control::load_source_count; ++c) {
        const std::uint64_t n =
            total(shed, [p, c](const LoadShedShard& s) -> auto& { return s.refused[p][c]; });
        if (n == 0) continue;
        refused.counter({policy,
                         {"priority", name(static_cast<Priority>(p))},
                         {"cause", control::name(control::load_sources[c])}},
                        n);
      }
    }
    if (!is_gone(held)) level.gauge({policy}, shed.level.value());
  }
  auto lag = gauge_family("weir_worker_lag_seconds",
                          "How late a worker does what is due, on average over half a second.",
                          Fold::largest);
  for (unsigned i = 0; i < metrics_.workers_; ++i) {
    const double seconds = metrics_.lags_[i].value();
    if (seconds >= 0) lag.gauge({{"worker", std::to_string(i)}}, seconds);
  }
  auto memory = gauge_family("weir_memory_used_ratio",
                             "Use of the memory that the cgroup or the machine allows.");
  if (metrics_.memory.value() >= 0) memory.gauge({}, metrics_.memory.value());
  for (Family* family : {&refused, &level, &lag, &memory}) std::move(*family).append_to(out);
}

void Exposition::collect_breaker_sheds(Families& out) const {
  auto refused = counter_family("weir_circuit_breaker_shed_requests_total",
                                "Requests that an upstream's shed refused, by priority and why.");
  auto active = gauge_family("weir_circuit_breaker_shedding",
                             "Whether the upstream's shed refuses a share: 1 or 0.", Fold::largest);
  constexpr std::array<std::string_view, 2> causes{"rate", "p95"};
  for (const auto& [key, held] : metrics_.upstreams_) {
    const UpstreamMetrics& upstream = *held.series;
    if (upstream.shed.on.value() == 0) continue;
    const Label label{"upstream", upstream.upstream()};
    if (is_shown(held)) active.gauge({label}, upstream.shed.active.value());
    for (std::size_t p = 0; p + 1 < priority_count; ++p) {
      for (std::size_t c = 0; c < causes.size(); ++c) {
        const double n = upstream.shed.refused[p][c].value();
        if (n == 0) continue;
        refused.counter_of(
            {label, {"priority", name(static_cast<Priority>(p))}, {"cause", causes[c]}}, n);
      }
    }
  }
  for (Family* family : {&refused, &active}) std::move(*family).append_to(out);
}

void Exposition::collect_jwt(Families& out) const {
  auto verifications = counter_family("weir_jwt_verifications_total",
                                      "Tokens that were checked, and requests without one.");
  for (const auto& [key, held] : metrics_.jwts_) {
    const JwtMetrics& jwt = *held.series;
    using S = JwtShard;
    for (std::size_t i = 0; i < reason_count; ++i) {
      const auto reason = static_cast<Reason>(i);
      const std::string_view result = reason == Reason::none ? "ok" : name(reason);
      const auto count = [&](std::string_view cached, std::uint64_t n) {
        if (n == 0) return;
        verifications.counter({{"policy", jwt.policy()}, {"result", result}, {"cached", cached}},
                              n);
      };
      count("false", total(jwt, [i](const S& s) -> auto& { return s.verified[i]; }));
      count("true", total(jwt, [i](const S& s) -> auto& { return s.remembered[i]; }));
    }
  }
  auto fetched = gauge_family("weir_jwt_keys_last_success_timestamp_seconds",
                              "When an issuer's keys were last fetched, since the epoch in "
                              "seconds; 0: never.",
                              Fold::least);
  for (const auto& [key, held] : metrics_.jwt_keys_) {
    if (is_gone(held)) continue;
    fetched.gauge({{"policy", key.first}, {"issuer", key.second}},
                  held.series->last_success->value());
  }
  std::move(verifications).append_to(out);
  std::move(fetched).append_to(out);
}

void Exposition::collect_mirrors(Families& out) const {
  auto copies = counter_family("weir_mirror_requests_total",
                               "Requests that were to be mirrored, by what became of the copy.");
  for (const auto& [key, held] : metrics_.mirrors_) {
    const MirrorMetrics& mirror = *held.series;
    const Label route{"route", mirror.route()};
    const Label upstream{"upstream", mirror.upstream()};
    copies.counter({route, upstream, {"result", "sent"}},
                   total(mirror, [](const MirrorShard& s) -> auto& { return s.sent; }));
    copies.counter({route, upstream, {"result", "dropped"}},
                   total(mirror, [](const MirrorShard& s) -> auto& { return s.dropped; }));
  }
  std::move(copies).append_to(out);
}

void Exposition::collect_fallbacks(Families& out) const {
  auto taken = counter_family("weir_fallbacks_total",
                              "Requests that went to their route's fallback, by the failure.");
  for (const auto& [key, held] : metrics_.fallbacks_) {
    const FallbackMetrics& fallback = *held.series;
    for (std::size_t i = 0; i < reason_count; ++i) {
      const std::uint64_t n =
          total(fallback, [i](const FallbackShard& s) -> auto& { return s.taken[i]; });
      if (n == 0) continue;
      taken.counter({{"route", fallback.route()}, {"reason", name(static_cast<Reason>(i))}}, n);
    }
  }
  std::move(taken).append_to(out);
}

}  // namespace weir::telemetry
