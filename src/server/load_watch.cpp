#include "server/load_watch.hpp"

#include <algorithm>
#include <chrono>
#include <new>

namespace weir::server {
namespace {

// The files of a cgroup are read at every third tick.
constexpr unsigned ticks_per_memory = 3;

// Where some load_shed has a limit: above 0.
control::LoadFigures asked_by(const std::vector<std::shared_ptr<LoadShedder>>& shedders) noexcept {
  control::LoadFigures out;
  for (const auto& each : shedders) {
    const control::LoadFigures& limits = each->limits();
    out.lag = std::max(out.lag, limits.lag);
    out.memory = std::max(out.memory, limits.memory);
    out.connections = std::max(out.connections, limits.connections);
    out.saturation = std::max(out.saturation, limits.saturation);
  }
  return out;
}

}  // namespace

LoadWatch::LoadWatch(asio::io_context& main, Process& process,
                     const std::vector<std::unique_ptr<Worker>>& workers,
                     const Saturation& saturation)
    : process_(process), workers_(workers), saturation_(saturation), timer_(main) {}

void LoadWatch::look() {
  if (running_) return;
  if (process_.kept_states.living<LoadShedder>().empty()) return;
  running_ = true;
  tick();
}

void LoadWatch::tick() {
  try {
    if (!measure()) return forget();
  } catch (const std::bad_alloc&) {
    // What was decided stands until the next measure.
  }
  timer_.expires_after(LagProbe::interval);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) tick();
  });
}

bool LoadWatch::measure() {
  const Shedders shedders = process_.kept_states.living<LoadShedder>();
  if (shedders.empty()) return false;
  const TimePoint now = Clock::now();
  const control::LoadFigures asked = asked_by(shedders);
  measure_workers(asked, now);
  for (const auto& each : shedders) each->update(now, figures_);
  show(asked);
  ++ticks_;
  return true;
}

void LoadWatch::measure_workers(const control::LoadFigures& asked, TimePoint now) {
  figures_.resize(workers_.size());
  if (asked.lag > 0) {
    if (probes_.empty()) {
      for (const auto& worker : workers_) probes_.emplace_back(worker->loop());
    }
    for (LagProbe& probe : probes_) probe.sample(now);
  } else {
    probes_.clear();
  }
  if (asked.memory > 0 && ticks_ % ticks_per_memory == 0) memory_ = host_.memory_used();
  const LoadStatus load = saturation_.load();
  for (std::size_t i = 0; i < figures_.size(); ++i) {
    const Duration lag = i < probes_.size() ? probes_[i].lag() : Duration::zero();
    figures_[i] = {.lag = std::chrono::duration<double>(lag).count(),
                   .memory = memory_,
                   .connections = load.connections,
                   .saturation = load.workers[i]};
  }
}

void LoadWatch::forget() {
  running_ = false;
  probes_.clear();
  figures_.clear();
  memory_ = 0;
  ticks_ = 0;
  show({});
}

void LoadWatch::show(const control::LoadFigures& asked) {
  for (unsigned i = 0; i < workers_.size(); ++i) {
    const bool known = asked.lag > 0 && i < figures_.size();
    process_.metrics.lag(i).set(known ? figures_[i].lag : -1);
  }
  process_.metrics.memory.set(asked.memory > 0 ? memory_ : -1);
}

}  // namespace weir::server
