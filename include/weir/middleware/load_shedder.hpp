// What a load_shed decides by: which priorities each worker refuses now. Found by the middleware's
// name and limits in KeptStates, so that it goes on over reloads; the server measures and tells it,
// workers read one word.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/priority.hpp"
#include "weir/base/time.hpp"
#include "weir/config/middleware.hpp"
#include "weir/control/shed_levels.hpp"
#include "weir/telemetry/metrics.hpp"

namespace weir {

class KeptStates;

class LoadShedder {
 public:
  LoadShedder(std::string_view name, const control::LoadFigures& limits, unsigned workers,
              std::shared_ptr<telemetry::LoadShedMetrics> metrics);
  // Logs that the shedding ends, if it sheds now: a reload took it away, or the process ends. On
  // the thread that held it last; without memory for the line there is none.
  ~LoadShedder();
  LoadShedder(const LoadShedder&) = delete;
  LoadShedder& operator=(const LoadShedder&) = delete;

  // --- any thread; a load
  control::ShedVerdict verdict(unsigned worker) const noexcept {
    const std::uint32_t word = words_[worker].word.load(std::memory_order_relaxed);
    return {.level = static_cast<std::uint8_t>(word & 0xff),
            .cause = static_cast<control::ShedCause>(word >> 8)};
  }

  // --- worker `worker`
  void count(unsigned worker, Priority priority, control::ShedCause cause) {
    metrics_->shard(worker)
        .refused[static_cast<std::size_t>(priority)][static_cast<std::size_t>(cause)]
        .add();
  }

  // --- main thread

  const std::string& name() const noexcept { return name_; }
  const control::LoadFigures& limits() const noexcept { return limits_; }
  // What is measured now, of each worker; a few times a second. Says in the log what begins and
  // ends.
  void update(TimePoint now, std::span<const control::LoadFigures> workers);
  // Of the worker that refuses most, the first of several.
  control::ShedVerdict worst() const noexcept { return worst_; }
  // What led to it: the measure of the cause in that worker.
  double measured() const noexcept { return measured_; }

 private:
  // A cache line each: its worker reads it for every request.
  struct alignas(64) Word {
    std::atomic<std::uint32_t> word{0};  // level, and the cause above it
  };

  void tell(TimePoint now, unsigned worker, std::uint8_t before);
  std::uint64_t refused() const;

  const std::string name_;
  const control::LoadFigures limits_;
  const std::shared_ptr<telemetry::LoadShedMetrics> metrics_;
  std::vector<Word> words_;
  std::vector<control::ShedLevels> levels_;  // the main thread's, as what follows
  control::ShedVerdict worst_;
  double measured_ = 0;
  TimePoint measured_at_;
  TimePoint began_;
  std::uint64_t refused_before_ = 0;
};

// "130ms" of lag, "93.3%" of the others.
std::string measure_text(control::ShedCause source, double measure);

// The limits as the rule wants them: 0 for off.
control::LoadFigures limits_of(const config::LoadShed& spec) noexcept;

// The one in `kept`, or a new one, which `kept` finds as long as somebody holds it.
std::shared_ptr<LoadShedder> load_shedder(KeptStates& kept, std::string_view name,
                                          const config::LoadShed& spec, unsigned workers,
                                          telemetry::Metrics& metrics);

}  // namespace weir
