// The thread where configurations are read and compiled, one at a time, and where their snapshots
// are freed: both take too long for the main thread and for workers, and the memory of the one is
// used again for the next. It has a lower priority than they have (nice 10), so that on a machine
// without a free CPU requests go first. Used on the main thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "weir/base/asio.hpp"
#include "weir/server/snapshot_keeper.hpp"

namespace weir::server {

class Compiler {
 public:
  // `keeper` outlives it. Throws std::system_error when there is no thread to be had.
  Compiler(asio::io_context& main, SnapshotKeeper& keeper);
  // Waits for the work that runs.
  ~Compiler() { stop(); }
  Compiler(const Compiler&) = delete;
  Compiler& operator=(const Compiler&) = delete;

  // Runs `work` there, then `then` on the main thread. REQUIRES: no other work runs; `work` throws
  // nothing. Throws std::bad_alloc.
  void run(std::move_only_function<void()> work, std::move_only_function<void()> then);
  // Work that has not begun never does, and no `then` is called any more.
  void stop();

 private:
  void loop(const std::stop_token& stopping);
  void tell_main() noexcept;

  asio::io_context& main_;
  SnapshotKeeper& keeper_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
  std::mutex mutex_;
  std::condition_variable_any asked_;
  std::move_only_function<void()> work_;  // guarded by mutex_
  bool free_ = false;                     // the keeper has something to free; guarded by mutex_
  // Shared, so that a post that fails leaves it where it is. The main thread sets it before work_,
  // the compiler's thread reads it when that work is done.
  std::shared_ptr<std::move_only_function<void()>> then_;
  std::jthread thread_;
};

}  // namespace weir::server
