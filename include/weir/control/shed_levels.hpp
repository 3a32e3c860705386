// Which priorities are refused, by how full the gateway is. Pure: time is an argument. Not
// synchronised; one for each load_shed and worker.
//
// low goes at the limit, normal a third and high two thirds of the way from it to 100 %; of lag,
// which knows no 100 %, at one, two and four times the limit. critical never goes.
//
// A priority is refused from the first measure that reaches its threshold, and let in when all
// measures of five seconds were below nine tenths of it, or below the threshold of the priority
// before it, whichever is higher: near 100 % nine tenths would be further away than the limit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "weir/base/priority.hpp"
#include "weir/base/time.hpp"
#include "weir/control/shed_cause.hpp"

namespace weir::control {

// The first of ShedCause: what a gateway measures in itself.
inline constexpr std::size_t load_source_count = 4;
inline constexpr std::array<ShedCause, load_source_count> load_sources{
    ShedCause::lag, ShedCause::memory, ShedCause::connections, ShedCause::saturation};

// A number for each source: of lag in seconds, of the others a share, 0 to 1.
struct LoadFigures {
  double lag = 0;
  double memory = 0;
  double connections = 0;
  double saturation = 0;

  // REQUIRES: `source` is one of load_sources.
  double of(ShedCause source) const noexcept;
  friend bool operator==(const LoadFigures&, const LoadFigures&) = default;
};

// From which measure on `priority` is refused, with `limit` above 0. REQUIRES: not critical.
double shed_threshold(ShedCause source, double limit, Priority priority) noexcept;

// What is refused: the `level` lowest priorities.
struct ShedVerdict {
  std::uint8_t level = 0;            // 0 to 3
  ShedCause cause = ShedCause::lag;  // with a level above 0: what led to it
  bool refuses(Priority priority) const noexcept {
    return static_cast<std::uint8_t>(priority) < level;
  }
  friend bool operator==(const ShedVerdict&, const ShedVerdict&) = default;
};

class ShedLevels {
 public:
  static constexpr Duration calm_for = std::chrono::seconds(5);

  // Limits of 0 are none.
  explicit ShedLevels(const LoadFigures& limits) noexcept : limits_(limits) {}

  // What is refused from `now` on, with these measures; to be told a few times a second. With two
  // sources at the same level the cause is the first.
  ShedVerdict update(TimePoint now, const LoadFigures& load) noexcept;

 private:
  struct Source {
    std::uint8_t level = 0;
    std::uint8_t calm_level = 0;  // the highest that the measures since calm_since ask for
    std::optional<TimePoint> calm_since{};  // they ask for less than `level`
  };

  void update(Source& source, ShedCause which, double measure, TimePoint now) const noexcept;

  LoadFigures limits_;
  std::array<Source, load_source_count> sources_{};
};

}  // namespace weir::control
