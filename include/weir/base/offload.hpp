// Threads for work that would hold up a worker: password hashes, names, files. The queue is
// bounded: whoever finds it full answers "overloaded" instead of waiting. Owned by the process; any
// thread may post.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace weir {

class Offload {
 public:
  // Owns copies of what it works on, or shares it. Throws nothing: what it throws ends the process.
  using Job = std::move_only_function<void()>;

  // `queue` is how many jobs may wait besides those that run. REQUIRES: threads > 0.
  Offload(unsigned threads, std::size_t queue);
  // Stops; jobs that wait are destroyed unrun.
  ~Offload();
  Offload(const Offload&) = delete;
  Offload& operator=(const Offload&) = delete;

  // Takes `job` to run soon, in the order posted; false when the queue is full.
  [[nodiscard]] bool try_post(Job job);
  // How full the queue is, 0 to 1.
  double fill() const;
  // Returns when the running jobs have ended; no further one runs or is taken. One thread at a
  // time, and none of its own.
  void stop();

 private:
  void run();

  const std::size_t queue_;
  mutable std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<Job> waiting_;  // guarded by mutex_
  bool stopping_ = false;    // guarded by mutex_
  std::vector<std::jthread> threads_;
};

}  // namespace weir
