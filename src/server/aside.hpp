// One piece of work at a time on a thread of its own, for what takes too long for the main thread
// and too much for a pool: reading and compiling a configuration. Used on the main thread.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "weir/base/asio.hpp"

namespace weir::server {

class Aside {
 public:
  explicit Aside(asio::io_context& main) : main_(main) {}
  // Waits for the work that runs; its `then` is not called any more.
  ~Aside() { stop(); }
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;

  // Runs `work` there, then `then` on the main thread. REQUIRES: no other work runs; `work` throws
  // nothing. Throws std::system_error when there is no thread to be had, and bad_alloc.
  void run(std::move_only_function<void()> work, std::move_only_function<void()> then);
  void stop();

 private:
  asio::io_context& main_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
  std::jthread thread_;
};

}  // namespace weir::server
