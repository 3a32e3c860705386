#include "provider/etcd/client.hpp"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <new>
#include <utility>

#include "provider/etcd/prefix_task.hpp"
#include "weir/base/signals.hpp"

namespace weir::provider::etcd {

std::shared_ptr<const std::vector<std::shared_ptr<const KeyValue>>> WatchedPrefix::keys() const {
  const std::lock_guard lock(mutex_);
  if (!table_.is_listed()) return nullptr;
  auto out = std::make_shared<std::vector<std::shared_ptr<const KeyValue>>>();
  out->reserve(table_.keys().size());
  for (const auto& [key, value] : table_.keys()) out->push_back(value);
  return out;
}

ProviderState WatchedPrefix::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

Client::Client(config::EtcdAccess access, ClientTimes times)
    : access_(std::move(access)), times_(times) {
  thread_ = std::jthread([this](const std::stop_token& stopping) {
    block_signals();
    ::pthread_setname_np(::pthread_self(), "etcd");
    loop(stopping);
  });
}

Client::~Client() {
  thread_.request_stop();
  calls_.wake();
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<const WatchedPrefix> Client::watch(std::string prefix,
                                                   std::function<void()> changed) {
  auto out = std::make_shared<WatchedPrefix>(std::move(prefix));
  auto task = std::make_unique<PrefixTask>(access_, times_, calls_, out, std::move(changed));
  {
    const std::lock_guard lock(mutex_);
    new_.push_back(std::move(task));
  }
  calls_.wake();
  return out;
}

void Client::take_new() {
  const std::lock_guard lock(mutex_);
  std::ranges::move(new_, std::back_inserter(tasks_));
  new_.clear();
}

void Client::loop(const std::stop_token& stopping) {
  constexpr Duration longest = std::chrono::seconds(1);
  while (!stopping.stop_requested()) {
    TimePoint next = Clock::now() + longest;
    try {
      take_new();
      std::erase_if(tasks_, [](const auto& task) { return task->is_over(); });
      for (const auto& task : tasks_) next = std::min(next, task->advance(Clock::now()));
      calls_.turn(std::max(next - Clock::now(), Duration::zero()));
    } catch (const std::bad_alloc&) {
      // Memory comes back sooner or later.
      for (const auto& task : tasks_) task->recover();
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  tasks_.clear();
  const std::lock_guard lock(mutex_);
  new_.clear();
}

}  // namespace weir::provider::etcd
