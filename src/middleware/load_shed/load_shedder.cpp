#include "weir/middleware/load_shedder.hpp"

#include <fmt/format.h>

#include <chrono>
#include <new>
#include <utility>

#include "weir/config/duration.hpp"
#include "weir/middleware/kept_states.hpp"
#include "weir/telemetry/log.hpp"

namespace weir {
namespace {

Duration of_seconds(double seconds) noexcept {
  return std::chrono::round<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
}

// "low, normal" of level 2.
std::string refused_priorities(std::uint8_t level) {
  std::string out;
  for (std::uint8_t i = 0; i < level; ++i) {
    if (i != 0) out += ", ";
    out += name(static_cast<Priority>(i));
  }
  return out;
}

}  // namespace

std::string measure_text(control::ShedCause source, double measure) {
  if (source == control::ShedCause::lag) return config::format_duration(of_seconds(measure));
  return fmt::format("{:.1f}%", measure * 100);
}

control::LoadFigures limits_of(const config::LoadShed& spec) noexcept {
  return {.lag = std::chrono::duration<double>(spec.lag).count(),
          .memory = spec.memory,
          .connections = spec.connections,
          .saturation = spec.saturation};
}

std::shared_ptr<LoadShedder> load_shedder(KeptStates& kept, std::string_view name,
                                          const config::LoadShed& spec, unsigned workers,
                                          telemetry::Metrics& metrics) {
  const control::LoadFigures limits = limits_of(spec);
  const std::string settings =
      fmt::format("{} {} {} {}", limits.lag, limits.memory, limits.connections, limits.saturation);
  return kept.get<LoadShedder>(name, settings, [&] {
    return std::make_shared<LoadShedder>(name, limits, workers, metrics.load_shed(name));
  });
}

LoadShedder::LoadShedder(std::string_view name, const control::LoadFigures& limits,
                         unsigned workers, std::shared_ptr<telemetry::LoadShedMetrics> metrics)
    : name_(name),
      limits_(limits),
      metrics_(std::move(metrics)),
      words_(workers),
      levels_(workers, control::ShedLevels(limits)) {}

LoadShedder::~LoadShedder() {
  const std::uint8_t before = std::exchange(worst_.level, std::uint8_t{0});
  if (before == 0) return;
  try {
    tell(measured_at_, 0, before);
  } catch (const std::bad_alloc&) {
    // The line is left out.
  }
}

void LoadShedder::update(TimePoint now, std::span<const control::LoadFigures> workers) {
  measured_at_ = now;
  const std::uint8_t before = worst_.level;
  const control::ShedCause cause_before = worst_.cause;
  worst_ = {};
  unsigned where = 0;
  for (unsigned i = 0; i < words_.size() && i < workers.size(); ++i) {
    const control::ShedVerdict verdict = levels_[i].update(now, workers[i]);
    words_[i].word.store(verdict.level | static_cast<std::uint32_t>(verdict.cause) << 8,
                         std::memory_order_relaxed);
    if (verdict.level <= worst_.level) continue;
    worst_ = verdict;
    where = i;
  }
  if (worst_.level == 0) worst_.cause = cause_before;  // of what has ended
  measured_ = workers.empty() ? 0 : workers[where].of(worst_.cause);
  metrics_->level.set(worst_.level);
  if (worst_.level != before) tell(now, where, before);
}

void LoadShedder::tell(TimePoint now, unsigned worker, std::uint8_t before) {
  namespace log = telemetry::log;
  if (before == 0) {
    began_ = now;
    refused_before_ = refused();
  }
  const std::string measured = measure_text(worst_.cause, measured_);
  const std::string limit = measure_text(worst_.cause, limits_.of(worst_.cause));
  if (worst_.level != 0) {
    const std::string priorities = refused_priorities(worst_.level);
    log::warn(before == 0 ? "load shedding begins" : "load shedding changes",
              {{"middleware", name_},
               {"cause", control::name(worst_.cause)},
               {"measured", measured},
               {"limit", limit},
               {"refused", priorities},
               {"worker", worker}});
    return;
  }
  const std::string lasted =
      config::format_duration(std::chrono::round<std::chrono::milliseconds>(now - began_));
  log::info("load shedding ends", {{"middleware", name_},
                                   {"cause", control::name(worst_.cause)},
                                   {"measured", measured},
                                   {"limit", limit},
                                   {"lasted", lasted},
                                   {"requests", refused() - refused_before_}});
}

std::uint64_t LoadShedder::refused() const {
  std::uint64_t sum = 0;
  metrics_->for_each([&](const telemetry::LoadShedShard& shard) {
    for (const auto& by_cause : shard.refused) {
      for (const telemetry::Counter& each : by_cause) sum += each.value();
    }
  });
  return sum;
}

}  // namespace weir
