// A route's `hedge`, compiled: when another try starts beside one whose head takes long, and which
// heads are no answer as long as another try may give a better one. Pure; const, any thread.
#pragma once

#include <optional>

#include "proxy/fetch/retry_rule.hpp"
#include "weir/base/time.hpp"
#include "weir/config/hedge.hpp"
#include "weir/control/latency_window.hpp"
#include "weir/http/body.hpp"
#include "weir/http/method.hpp"

namespace weir::proxy {

struct HedgeRule {
  explicit HedgeRule(const config::Hedge& hedge) noexcept : most(hedge.most) {
    switch (hedge.after) {
      case config::HedgeAfter::time:
        time = hedge.time;
        break;
      case config::HedgeAfter::p50:
        quantile = control::Quantile::p50;
        break;
      case config::HedgeAfter::p90:
        quantile = control::Quantile::p90;
        break;
      case config::HedgeAfter::p95:
        quantile = control::Quantile::p95;
        break;
      case config::HedgeAfter::p99:
        quantile = control::Quantile::p99;
        break;
    }
  }

  // How long a head is waited for; nothing while too little is known of the upstream's.
  std::optional<Duration> after(control::LatencyWindow& heads, TimePoint now) const noexcept {
    return quantile ? heads.quantile(*quantile, now) : time;
  }
  // It may be carried out twice, and two of it cost no content.
  static bool allows(const Request& request) noexcept {
    return request.body == nullptr && is_idempotent(request.head.method) &&
           !request.head.upgrade_websocket;
  }

  std::optional<control::Quantile> quantile;  // nothing: `time`
  Duration time{};
  unsigned most = 1;  // of a request
};

// A head that the route's `retry` (null: none) would not let pass, without one any of 5xx: the
// others of a race are not given up for it.
constexpr bool is_poor(const EndedTry& ended, const RetryRule* retry) noexcept {
  return retry != nullptr ? retry->holds(ended) : ended.status >= 500;
}

}  // namespace weir::proxy
