// Asks the endpoints of upstreams with a health_check whether they can serve, and ends ejections
// when their time is over. On a thread and a loop of its own, which begin with the first upstream
// that needs them; so checks wait for no worker, and no worker for them. One a process.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <thread>

#include "weir/upstream/cluster.hpp"

namespace weir::upstream {

class HealthWatch {
 public:
  HealthWatch();
  ~HealthWatch();
  HealthWatch(const HealthWatch&) = delete;
  HealthWatch& operator=(const HealthWatch&) = delete;

  // Main thread. The clusters of the configuration in use, after each commit(): they are watched
  // from now on, and no others. Throws std::system_error where there is no room for the thread.
  void watch(std::span<const std::shared_ptr<Cluster>> clusters);
  // Any thread. Something of a cluster changed: its endpoints, its settings, who is ejected.
  void look_at(const std::shared_ptr<Cluster>& cluster) noexcept;
  // Main thread. Gives up the checks that run, and waits for their end; nothing runs from now on.
  void stop();

 private:
  class Watcher;

  std::unique_ptr<Watcher> watcher_;  // made by the first watch() that needs one
  std::atomic<Watcher*> running_{nullptr};
  std::jthread thread_;
  bool stopped_ = false;
};

}  // namespace weir::upstream
