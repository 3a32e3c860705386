#include "server/compiler.hpp"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <chrono>
#include <new>
#include <utility>

#include "weir/base/signals.hpp"

namespace weir::server {
namespace {

constexpr int niceness = 10;

// Of this thread: Linux gives each its own. Without the right to, it goes on as it is.
void lower_priority() noexcept {
  static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), niceness));
}

}  // namespace

Compiler::Compiler(asio::io_context& main, SnapshotKeeper& keeper) : main_(main), keeper_(keeper) {
  thread_ = std::jthread([this](const std::stop_token& stopping) {
    block_signals();
    ::pthread_setname_np(::pthread_self(), "compiler");
    lower_priority();
    loop(stopping);
  });
  keeper_.open([this] {
    const std::lock_guard lock(mutex_);
    free_ = true;
    asked_.notify_one();
  });
}

void Compiler::run(std::move_only_function<void()> work, std::move_only_function<void()> then) {
  then_ = std::make_shared<std::move_only_function<void()>>(std::move(then));
  const std::lock_guard lock(mutex_);
  work_ = std::move(work);
  asked_.notify_one();
}

void Compiler::loop(const std::stop_token& stopping) {
  while (true) {
    std::move_only_function<void()> work;
    {
      std::unique_lock lock(mutex_);
      asked_.wait(lock, stopping, [this] { return free_ || work_ != nullptr; });
      if (stopping.stop_requested()) return;
      free_ = false;
      work = std::exchange(work_, nullptr);
    }
    keeper_.free_unused();
    if (!work) continue;
    work();
    work = nullptr;
    tell_main();
  }
}

void Compiler::tell_main() noexcept {
  while (true) {
    try {
      asio::post(main_, [then = then_, weak = std::weak_ptr(alive_)] {
        if (!weak.expired()) (*then)();
      });
      return;
    } catch (const std::bad_alloc&) {
      // The main thread waits for this; memory comes back sooner or later.
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
}

void Compiler::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  // Now that its thread does not read it any more.
  alive_.reset();
  work_ = nullptr;
  // It may still stand in the main thread's queue, and holds a snapshot.
  if (then_) *then_ = nullptr;
  keeper_.close();
}

}  // namespace weir::server
