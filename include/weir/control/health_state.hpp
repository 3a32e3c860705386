// What the active checks of one endpoint have come to. The first result decides at once; from then
// on it takes several in a row to change the verdict. A plain value: whoever shares one
// synchronises.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::control {

struct HealthThresholds {
  std::uint32_t healthy_after = 2;    // passed checks in a row, at least 1
  std::uint32_t unhealthy_after = 3;  // failed checks in a row, at least 1
};

enum class Verdict : std::uint8_t { unknown, healthy, unhealthy };
std::string_view name(Verdict verdict) noexcept;  // "unknown", "healthy", "unhealthy"

class HealthState {
 public:
  // Who is unknown is used.
  Verdict verdict() const noexcept { return verdict_; }
  // Failed checks since the last verdict of healthy, those in a row; the last one's cause.
  std::uint32_t failed_checks() const noexcept { return failed_; }
  const std::string& cause() const noexcept { return cause_; }
  // "unhealthy: 3 checks failed: 503"; "" of whoever is not.
  std::string why() const;

  // What a check came to.
  void passed(const HealthThresholds& thresholds) noexcept;
  void failed(const HealthThresholds& thresholds, std::string cause);
  // `subject` says what is asked ("" for nothing): with another one than before, what is known is
  // forgotten. True when it was another one.
  bool asks(std::string_view subject);

 private:
  Verdict verdict_ = Verdict::unknown;
  std::uint32_t failed_ = 0;  // in a row; of an unhealthy one not reset by those that passed since
  std::uint32_t passed_ = 0;  // in a row, while unhealthy
  std::string cause_;
  std::string subject_;
};

}  // namespace weir::control
