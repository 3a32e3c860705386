#include "proxy/fetch/retrying.hpp"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "proxy/replayable_body.hpp"
#include "weir/base/chance.hpp"
#include "weir/control/retry_backoff.hpp"

namespace weir::proxy {

Retrying::Retrying(const FetchPlan& plan, const Request& request, UpstreamRecord& record)
    : plan_(plan), record_(record), allowed_(plan.retry->allows(request.head)) {
  const RetryRule& rule = *plan.retry;
  if (request.body == nullptr || !allowed_ || rule.retries == 0 || rule.max_body == 0) return;
  content_.emplace(*request.body, plan.loop, rule.max_body, record.kept_bytes());
  // Where less is kept here than the other one may want, it keeps its own.
  keeps_for_plan_ = plan.content != nullptr && rule.max_body >= ReplayableBody::most;
  if (keeps_for_plan_) plan.content->leave_to_reader();
}

void Retrying::give_content_back() noexcept {
  if (!std::exchange(keeps_for_plan_, false)) return;
  std::optional<std::string> kept;
  try {
    kept = content_->hand_over();
  } catch (const std::bad_alloc&) {
    // Then it is gone.
  }
  plan_.content->give_back(std::move(kept));
}

void Retrying::bind(std::uint64_t endpoint, TimePoint until) {
  const auto known = std::ranges::find(bound_, endpoint, &Bound::endpoint);
  if (known != bound_.end()) {
    known->until = until;
  } else {
    bound_.push_back({endpoint, until});
  }
}

// Another endpoint first. When none is left all may be tried again, those aside that want to be
// left alone; when there are only such, the one whose time comes first, if that is soon.
std::optional<Duration> Retrying::choose(upstream::Tried& tried) {
  if (plan_.cluster.has_untried(plan_.worker, tried, plan_.caller)) return Duration::zero();
  const TimePoint now = plan_.loop.now();
  std::ranges::sort(bound_, {}, &Bound::until);
  const auto first = std::ranges::upper_bound(bound_, now, {}, &Bound::until);
  tried.forget();
  for (auto at = first; at != bound_.end(); ++at) tried.add(at->endpoint);
  if (plan_.cluster.has_untried(plan_.worker, tried, plan_.caller)) return Duration::zero();
  for (auto at = first; at != bound_.end() && at->until - now <= rule().backoff_max; ++at) {
    tried.forget();
    for (auto other = first; other != bound_.end(); ++other) {
      if (other != at) tried.add(other->endpoint);
    }
    // Otherwise it is gone.
    if (plan_.cluster.has_untried(plan_.worker, tried, plan_.caller)) return at->until - now;
  }
  return std::nullopt;
}

std::optional<Duration> Retrying::prepare(upstream::Tried& tried,
                                          const control::BreakerCall& call) {
  if (!plan_.cluster.breaker().lets_retry(call)) return std::nullopt;
  const std::optional<Duration> least = choose(tried);
  if (!least) return std::nullopt;
  const Duration pause = std::max(
      *least,
      control::retry_backoff(rule().backoff_base, rule().backoff_max, retries_ + 1, chance()));
  const TimePoint now = plan_.loop.now();
  std::optional<Duration> half;
  if (plan_.refuse_hopeless) half = plan_.cluster.heads().quantile(control::Quantile::p50, now);
  if (!has_time(plan_.time.until(now, plan_.clock) - now, pause, half)) return std::nullopt;
  if (!permit_) {
    permit_ = plan_.cluster.retry_budget().take(plan_.cluster.requests_in_flight(plan_.worker));
    if (!permit_) {
      record_.retry(telemetry::RetryResult::budget);
      return std::nullopt;
    }
  }
  tried.connects_left = plan_.failover ? upstream::Tried::most_connects : 1;
  return pause;
}

void Retrying::begin() noexcept {
  ++retries_;
  under_way_ = true;
}

void Retrying::came_to(bool success) noexcept {
  if (!std::exchange(under_way_, false)) return;
  record_.retry(success ? telemetry::RetryResult::success : telemetry::RetryResult::failure);
}

}  // namespace weir::proxy
