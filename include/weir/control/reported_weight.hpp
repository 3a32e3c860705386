// The weight of an endpoint by what it says of its own load, as gRPC's weighted_round_robin has it
// (gRFC A58): the requests that it serves a second, for each part of it that they use. Pure; time
// is an argument.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "weir/base/time.hpp"

namespace weir::control {

// rps / (utilization + eps / rps): requests and errors a second. 0: these say nothing, as without
// requests or utilization.
double weight_by_load(double rps, double utilization, double eps) noexcept;

// What one endpoint has reported, over all workers. Any thread; no lock.
class ReportedWeight {
 public:
  // Reports must have come for so long before they count: the first ones are of a server that warms
  // up.
  static constexpr Duration blackout = std::chrono::seconds(10);
  // Then the last one says nothing any more, and the next ones count after `blackout` again.
  static constexpr Duration stale = std::chrono::minutes(3);

  enum class Standing : std::uint8_t { none, blackout, used, stale };
  struct View {
    Standing standing = Standing::none;
    double weight = 0;  // the last one
    Duration since{};   // of `blackout` and `used`: how long reports count as coming
    Duration last{};    // how old the last one is; 0 of `none`
  };

  // A report that makes `weight`, above 0 and finite.
  void report(double weight, TimePoint now) noexcept;

  // 0: none that counts. `in_use_since` as of endpoints: one that comes back is as one that is new.
  double at(TimePoint now, TimePoint in_use_since) const noexcept {
    const View seen = view(now, in_use_since);
    return seen.standing == Standing::used ? seen.weight : 0;
  }
  View view(TimePoint now, TimePoint in_use_since) const noexcept;

 private:
  static constexpr Duration::rep never = Duration::min().count();

  // In this order of writing, so that who sees a report sees since when they come.
  std::atomic<Duration::rep> since_{never};
  std::atomic<double> weight_{0};
  std::atomic<Duration::rep> last_{never};
};

// The mean of those that are above 0; 0 when none is.
double mean_weight(std::span<const double> reported) noexcept;

// For balancers: those that reported (above 0) with the others at their mean, 65535 for the
// largest and never below 1; the configured ones when none has reported. Who is configured with 0
// has 0. REQUIRES: both are of the same endpoints.
std::vector<std::uint32_t> weights_by_reports(std::span<const double> reported,
                                              std::span<const std::uint32_t> configured);

}  // namespace weir::control
