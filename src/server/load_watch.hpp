// Measures how full the gateway is, and tells the load_shed middleware, ten times a second; only
// while the configuration has any. Main thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "server/host.hpp"
#include "server/lag_probe.hpp"
#include "server/saturation.hpp"
#include "server/worker.hpp"
#include "weir/base/asio.hpp"
#include "weir/base/time.hpp"
#include "weir/control/shed_levels.hpp"
#include "weir/middleware/load_shedder.hpp"
#include "weir/server/process.hpp"

namespace weir::server {

class LoadWatch {
 public:
  // All outlive it.
  LoadWatch(asio::io_context& main, Process& process,
            const std::vector<std::unique_ptr<Worker>>& workers, const Saturation& saturation);

  // A configuration is in force. REQUIRES: the workers run.
  void look();
  void stop() { timer_.cancel(); }

  // Of each worker, as measured last; empty while nothing is.
  std::span<const control::LoadFigures> figures() const noexcept { return figures_; }

 private:
  using Shedders = std::vector<std::shared_ptr<LoadShedder>>;

  void tick();
  // False: nobody asks any more.
  bool measure();
  void measure_workers(const control::LoadFigures& asked, TimePoint now);
  void forget();
  void show(const control::LoadFigures& asked);

  Process& process_;
  const std::vector<std::unique_ptr<Worker>>& workers_;
  const Saturation& saturation_;
  const Host host_;
  asio::steady_timer timer_;
  bool running_ = false;
  std::vector<LagProbe> probes_;
  std::vector<control::LoadFigures> figures_;
  double memory_ = 0;
  unsigned ticks_ = 0;
};

}  // namespace weir::server
