#include "server/aside.hpp"

#include <pthread.h>

#include <boost/asio/post.hpp>
#include <chrono>
#include <new>
#include <utility>

#include "weir/base/signals.hpp"

namespace weir::server {

void Aside::run(std::move_only_function<void()> work, std::move_only_function<void()> then) {
  if (thread_.joinable()) thread_.join();
  // Shared, so that a post that fails leaves both where they are.
  const auto told = std::make_shared<std::move_only_function<void()>>(std::move(then));
  thread_ =
      std::jthread([this, work = std::move(work), told, weak = std::weak_ptr(alive_)]() mutable {
        block_signals();
        ::pthread_setname_np(::pthread_self(), "compiler");
        work();
        work = nullptr;
        while (true) {
          try {
            asio::post(main_, [told, weak] {
              if (!weak.expired()) (*told)();
            });
            return;
          } catch (const std::bad_alloc&) {
            // The main thread waits for this; memory comes back sooner or later.
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
          }
        }
      });
}

void Aside::stop() {
  alive_.reset();
  if (thread_.joinable()) thread_.join();
}

}  // namespace weir::server
