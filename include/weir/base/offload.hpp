// Threads for work that would hold up a worker: password hashes and slow signatures. Each use has a
// queue of its own, and of several threads none may take all: passwords that are guessed keep no
// token waiting. Queues are bounded, also for each client, whose turns alternate with those of
// others: whoever finds no room answers "overloaded" instead of waiting. Owned by the process; any
// thread may post.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "weir/base/ip.hpp"

namespace weir {

class Offload {
 public:
  enum class Use : std::uint8_t { passwords, signatures };
  static constexpr std::size_t use_count = 2;

  // Whom a job is done for. IPv6 clients count by their /64; those without an address (a unix:
  // socket) have no bound of their own.
  struct For {
    Use use = Use::passwords;
    IpAddress client{};
  };

  // Owns copies of what it works on, or shares it. Throws nothing: what it throws ends the process.
  using Job = std::move_only_function<void()>;

  // `queue` is how many jobs of a use may wait besides those that run, and a quarter of that (at
  // least one) those of one client. REQUIRES: threads > 0.
  Offload(unsigned threads, std::size_t queue);
  // Stops; jobs that wait are destroyed unrun.
  ~Offload();
  Offload(const Offload&) = delete;
  Offload& operator=(const Offload&) = delete;

  // Takes `job` to run soon, in the order posted among those of its use and client; false when
  // there is no room for it.
  [[nodiscard]] bool try_post(Job job, For whom);
  [[nodiscard]] bool try_post(Job job) { return try_post(std::move(job), {}); }
  // How full the fullest queue is, 0 to 1.
  double fill() const;
  // Returns when the running jobs have ended; no further one runs or is taken. One thread at a
  // time, and none of its own.
  void stop();

 private:
  // Jobs of one client, never none.
  struct Client {
    IpAddress address;
    std::deque<Job> waiting;
  };
  struct Queue {
    std::list<Client> turns;  // the first is next; at most as many as jobs
    std::size_t waiting = 0;  // in all
    unsigned running = 0;
  };

  void run();
  // --- under mutex_
  bool can_run() const noexcept;
  bool can_run(const Queue& queue) const noexcept;
  // A job of the use whose turn it is. REQUIRES: can_run().
  Job take(std::size_t& use);

  const std::size_t queue_;
  const std::size_t most_of_client_;
  const unsigned most_of_use_;  // running at once
  mutable std::mutex mutex_;
  std::condition_variable posted_;
  std::array<Queue, use_count> queues_;  // guarded by mutex_
  std::size_t next_use_ = 0;             // guarded by mutex_
  bool stopping_ = false;                // guarded by mutex_
  std::vector<std::jthread> threads_;
};

}  // namespace weir
