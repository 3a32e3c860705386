// How full the process is: the gauges of worker use and saturation, and those that mirror the state
// of upstreams and splits, set at each scrape. Main thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <vector>

#include "server/traffic_window.hpp"
#include "server/worker.hpp"
#include "weir/base/asio.hpp"
#include "weir/net/loop.hpp"
#include "weir/server/process.hpp"
#include "weir/server/status.hpp"

namespace weir::server {

// The share of its time that a loop works, over the last two seconds or a little more: whoever asks
// and how often, all read the same.
class UseWindow {
 public:
  // `cpus`: how much of a CPU the loop may use, at most 1. With half of one it is full when it
  // works half of the time.
  explicit UseWindow(double cpus) : cpus_(cpus) {}
  // What the loop had used by then; to be told a few times a second.
  void sample(const net::Loop::Use& use);
  // 0 to 1, up to `now`.
  double share(const net::Loop::Use& now) const;

 private:
  double cpus_;
  std::deque<net::Loop::Use> samples_;  // the first: where the window begins
};

class Snapshot;

// The weights in force of each split of the configuration in use.
void show_splits(const Snapshot& snapshot, Process& process);

class Saturation {
 public:
  // `workers` outlive it; `process`'s metrics are not read after its end. `quota`: the cgroup's, in
  // CPUs, 0 for none.
  Saturation(asio::io_context& main, Process& process,
             const std::vector<std::unique_ptr<Worker>>& workers, double quota);

  LoadStatus load() const;
  // Without what only the routes know: requests in flight.
  TrafficStatus traffic() const;

 private:
  void tick();
  void show();

  Process& process_;
  const std::vector<std::unique_ptr<Worker>>& workers_;
  std::vector<UseWindow> use_;
  TrafficWindow traffic_;
  asio::steady_timer timer_;
};

}  // namespace weir::server
