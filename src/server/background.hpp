// A thread beside the main one, for what would hold it up: admin answers that are read or printed
// from a whole configuration. Jobs run one after the other; the thread begins with the first one.
// Main thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "weir/base/asio.hpp"

namespace weir::server {

class Background {
 public:
  using Then = std::function<void()>;
  // Runs on the thread; what it returns runs on the main thread. Must not throw.
  using Job = std::function<Then()>;

  explicit Background(asio::io_context& main) : main_(main) {}
  ~Background() { stop(); }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  void run(Job job);
  // Waits for the job that runs and forgets those that do not yet; nothing runs from now on.
  void stop();

 private:
  void work(const std::stop_token& stopping);

  asio::io_context& main_;
  std::mutex mutex_;
  std::condition_variable_any posted_;
  std::deque<Job> waiting_;  // guarded by mutex_
  bool stopped_ = false;
  std::jthread thread_;
};

}  // namespace weir::server
