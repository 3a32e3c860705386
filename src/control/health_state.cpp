#include "weir/control/health_state.hpp"

#include <fmt/format.h>

#include <limits>
#include <utility>

namespace weir::control {

std::string_view name(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::unknown:
      break;
    case Verdict::healthy:
      return "healthy";
    case Verdict::unhealthy:
      return "unhealthy";
  }
  return "unknown";
}

std::string HealthState::why() const {
  if (verdict_ != Verdict::unhealthy) return {};
  std::string out =
      fmt::format("unhealthy: {} check{} failed: {}", failed_, failed_ == 1 ? "" : "s", cause_);
  if (passed_ != 0) out += fmt::format("; {} passed since", passed_);
  return out;
}

void HealthState::passed(const HealthThresholds& thresholds) noexcept {
  if (verdict_ == Verdict::unhealthy && ++passed_ < thresholds.healthy_after) return;
  verdict_ = Verdict::healthy;
  failed_ = 0;
  passed_ = 0;
  cause_.clear();
}

void HealthState::failed(const HealthThresholds& thresholds, std::string cause) {
  passed_ = 0;
  if (failed_ != std::numeric_limits<std::uint32_t>::max()) ++failed_;
  cause_ = std::move(cause);
  const bool first = verdict_ == Verdict::unknown;
  if (first || failed_ >= thresholds.unhealthy_after) verdict_ = Verdict::unhealthy;
}

bool HealthState::asks(std::string_view subject) {
  if (subject == subject_) return false;
  *this = HealthState();
  subject_ = subject;
  return true;
}

}  // namespace weir::control
