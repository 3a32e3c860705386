// The only way into a worker from another thread: a queue of things to run there, and an eventfd
// that is rung when the queue goes from empty to not.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <vector>

#include "weir/net/reactor.hpp"

namespace weir::net {

class Mailbox final : private ReadyTarget {
 public:
  using Letter = std::move_only_function<void()>;

  // Throws std::system_error when the kernel has no eventfd left.
  explicit Mailbox(Reactor& reactor);
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // Any thread. Letters run in order on the worker; after close() they are dropped unread.
  void post(Letter letter);
  // Worker thread: runs what has come, at most 256 a call; the next turn has the rest.
  void deliver();
  // Worker thread, at the end.
  void close() noexcept;

 private:
  void on_ready(std::uint8_t ready) noexcept override;

  Reactor& reactor_;
  int fd_;
  bool rung_ = false;  // worker's
  std::mutex mutex_;
  std::vector<Letter> letters_;  // guarded by mutex_
  bool closed_ = false;          // guarded by mutex_
  std::vector<Letter> delivering_;
  std::size_t delivered_ = 0;  // of delivering_
};

}  // namespace weir::net
