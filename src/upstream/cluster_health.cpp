// What checks and the results of tries make of a cluster's endpoints: who is in use and who is not.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "upstream/health_check_run.hpp"
#include "upstream/health_log.hpp"
#include "weir/upstream/cluster.hpp"

namespace weir::upstream {
namespace {

using Out = control::EndpointHealth::Out;

std::string ejection_text(const control::Ejection& ejection) {
  return control::EjectionView{ejection.why, ejection.time}.to_text();
}

}  // namespace

void Cluster::health_changed() {
  generation_.fetch_add(1, std::memory_order_release);
  announce({});
}

Cluster::Rotation Cluster::rotation(const State& state) {
  Rotation out;
  for (const auto& endpoint : state.endpoints) {
    if (endpoint->state() != EndpointState::ready || endpoint->weight() == 0) continue;
    out.endpoints.push_back(endpoint.get());
    out.peers.push_back(
        {.record = &endpoint->outlier_, .healthy = !endpoint->health_.is_out(Out::checks)});
  }
  return out;
}

void Cluster::eject(const Endpoint& endpoint, TimePoint now) {
  const std::shared_ptr<const State> state = this->state();
  std::optional<control::Ejection> ejected;
  std::string refusal;
  bool was_in = false;
  {
    const std::lock_guard lock(health_mutex_);
    const Rotation all = rotation(*state);
    const auto found = std::ranges::find(all.endpoints, &endpoint);
    if (found == all.endpoints.end()) return;
    ejected =
        outliers_.eject(static_cast<std::size_t>(found - all.endpoints.begin()), all.peers, now);
    if (ejected) {
      was_in = (*found)->health_.take_out(Out::ejection);
    } else {
      refusal = control::OutlierDetector::refusal(endpoint.outlier_);
    }
  }
  if (!refusal.empty()) log_not_ejected(now, name_, endpoint, refusal);
  if (!was_in) return;
  log_out_of_use(name_, endpoint, ejection_text(*ejected));
  health_changed();
}

Deadline Cluster::keep_ejections(TimePoint now) {
  const std::shared_ptr<const State> state = this->state();
  struct Judged {
    Endpoint* endpoint;
    std::string why;
  };
  std::vector<Judged> gone;
  std::vector<Judged> kept;
  std::vector<Endpoint*> back;
  Deadline next = no_deadline;
  {
    const std::lock_guard lock(health_mutex_);
    for (const auto& endpoint : state->endpoints) {
      if (!outliers_.ends(endpoint->outlier_, now)) continue;
      if (endpoint->health_.let_in(Out::ejection, now)) back.push_back(endpoint.get());
    }
    if (outliers_.interval_end() <= now) {
      const Rotation all = rotation(*state);
      for (const control::Ejection& ejection : outliers_.judge_shares(all.peers, now)) {
        Endpoint& endpoint = *all.endpoints[ejection.peer];
        if (endpoint.health_.take_out(Out::ejection)) {
          gone.push_back({&endpoint, ejection_text(ejection)});
        }
      }
      for (Endpoint* const endpoint : all.endpoints) {
        std::string refusal = control::OutlierDetector::refusal(endpoint->outlier_);
        if (!refusal.empty()) kept.push_back({endpoint, std::move(refusal)});
      }
    }
    next = outliers_.interval_end();
    for (const auto& endpoint : state->endpoints) {
      next = std::min(next, control::OutlierDetector::ejected_until(endpoint->outlier_));
    }
  }
  for (const Endpoint* endpoint : back) {
    log_in_use_again(name_, *endpoint, "its ejection is over");
  }
  for (const Judged& each : gone) log_out_of_use(name_, *each.endpoint, each.why);
  for (const Judged& each : kept) log_not_ejected(now, name_, *each.endpoint, each.why);
  if (!back.empty() || !gone.empty()) health_changed();
  return next;
}

void Cluster::checked(Endpoint& endpoint, const CheckResult& result, TimePoint began,
                      TimePoint now) {
  tell_checked(name_, endpoint, result, now - began);
  const std::shared_ptr<const State> state = this->state();
  if (!state->settings.health_check) return;
  const control::HealthThresholds thresholds{
      .healthy_after = state->settings.health_check->healthy_after,
      .unhealthy_after = state->settings.health_check->unhealthy_after};
  std::string out;
  std::string back;
  {
    const std::lock_guard lock(health_mutex_);
    control::HealthState& checks = endpoint.checks_;
    if (result.passed) {
      ++checks_passed_;
      checks.passed(thresholds);
      if (outliers_.ends_by_check(endpoint.outlier_, began, now) &&
          endpoint.health_.let_in(Out::ejection, now)) {
        back = "a check passed";
      }
      if (checks.verdict() == control::Verdict::healthy &&
          endpoint.health_.let_in(Out::checks, now)) {
        back = fmt::format("{} check{} passed", thresholds.healthy_after,
                           thresholds.healthy_after == 1 ? "" : "s");
      }
    } else {
      ++checks_failed_;
      checks.failed(thresholds, result.cause);
      if (checks.verdict() == control::Verdict::unhealthy &&
          endpoint.health_.take_out(Out::checks)) {
        out = checks.why();
      }
    }
  }
  if (!out.empty()) log_out_of_use(name_, endpoint, out);
  if (!back.empty()) log_in_use_again(name_, endpoint, back);
  if (!out.empty() || !back.empty()) health_changed();
}

void Cluster::check_asks(Endpoint& endpoint, std::string_view subject, TimePoint now) {
  bool back = false;
  {
    const std::lock_guard lock(health_mutex_);
    if (!endpoint.checks_.asks(subject)) return;
    back = endpoint.health_.let_in(Out::checks, now);
  }
  if (!back) return;
  log_in_use_again(
      name_, endpoint,
      subject.empty() ? "it is not checked any more" : "its health check is another one");
  health_changed();
}

void Cluster::describe_health(TimePoint now, const Endpoint& endpoint, EndpointInfo& out) const {
  const std::lock_guard lock(health_mutex_);
  out.checks = endpoint.checks_.verdict();
  out.unhealthy = endpoint.checks_.why();
  out.ejection = control::OutlierDetector::view(endpoint.outlier_, now);
  if (outliers_.on()) out.not_ejected = control::OutlierDetector::refusal(endpoint.outlier_);
}

}  // namespace weir::upstream
