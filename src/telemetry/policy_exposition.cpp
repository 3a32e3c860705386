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
                              "seconds; 0: never.");
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
