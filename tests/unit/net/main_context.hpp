// The main io_context of a test, on a thread of its own until the end.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <thread>

#include "weir/base/asio.hpp"

namespace weir::net {

class MainContext {
 public:
  MainContext() : guard_(context.get_executor()), thread_([this] { context.run(); }) {}
  ~MainContext() { stop(); }
  void stop() {
    guard_.reset();
    context.stop();
    if (thread_.joinable()) thread_.join();
  }
  std::thread::id id() const { return thread_.get_id(); }

  asio::io_context context{1};

 private:
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  std::jthread thread_;
};

}  // namespace weir::net
