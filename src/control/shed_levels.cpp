#include "weir/control/shed_levels.hpp"

#include <algorithm>

namespace weir::control {
namespace {

constexpr double release_share = 0.9;
constexpr std::uint8_t most_levels = 3;
// Thirds have no exact double.
constexpr double thirds_rounding = 1e-9;

Priority last_refused(std::uint8_t level) noexcept { return static_cast<Priority>(level - 1); }

// Below it, `level` is not needed any more.
double release_threshold(ShedCause source, double limit, std::uint8_t level) noexcept {
  const double threshold = shed_threshold(source, limit, last_refused(level));
  if (source == ShedCause::lag) return release_share * threshold;
  return std::max(release_share * threshold, threshold - (1 - limit) / most_levels);
}

}  // namespace

double LoadFigures::of(ShedCause source) const noexcept {
  switch (source) {
    case ShedCause::lag:
      return lag;
    case ShedCause::memory:
      return memory;
    case ShedCause::connections:
      return connections;
    case ShedCause::saturation:
      return saturation;
    case ShedCause::rate:
    case ShedCause::p95:
      break;
  }
  return 0;
}

double shed_threshold(ShedCause source, double limit, Priority priority) noexcept {
  const auto step = static_cast<unsigned>(priority);
  if (source == ShedCause::lag) return limit * static_cast<double>(1U << step);
  return limit + (1 - limit) * step / most_levels;
}

ShedVerdict ShedLevels::update(TimePoint now, const LoadFigures& load) noexcept {
  ShedVerdict out;
  for (std::size_t i = 0; i < load_source_count; ++i) {
    const ShedCause which = load_sources[i];
    if (limits_.of(which) <= 0) continue;
    update(sources_[i], which, load.of(which), now);
    if (sources_[i].level > out.level) out = {.level = sources_[i].level, .cause = which};
  }
  return out;
}

void ShedLevels::update(Source& source, ShedCause which, double measure,
                        TimePoint now) const noexcept {
  const double limit = limits_.of(which);
  std::uint8_t reached = 0;
  std::uint8_t needed = 0;
  for (std::uint8_t level = 1; level <= most_levels; ++level) {
    if (measure + thirds_rounding >= shed_threshold(which, limit, last_refused(level)))
      reached = level;
    if (measure + thirds_rounding >= release_threshold(which, limit, level)) needed = level;
  }
  if (reached > source.level) {
    source = {.level = reached};
    return;
  }
  if (needed >= source.level) {
    source.calm_since.reset();
    return;
  }
  source.calm_level = source.calm_since ? std::max(source.calm_level, needed) : needed;
  if (!source.calm_since) source.calm_since = now;
  if (now - *source.calm_since < calm_for) return;
  source = {.level = source.calm_level};
}

}  // namespace weir::control
