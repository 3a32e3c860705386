#include "server/background.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "weir/base/signals.hpp"

namespace weir::server {

void Background::run(Job job) {
  if (stopped_) return;
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(job));
  }
  posted_.notify_one();
  if (thread_.joinable()) return;
  thread_ = std::jthread([this](const std::stop_token& stopping) {
    block_signals();
    work(stopping);
  });
}

void Background::stop() {
  stopped_ = true;
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  // What they hold may end this object's owner, so they are forgotten last.
  const std::deque<Job> forgotten = std::exchange(waiting_, {});
}

void Background::work(const std::stop_token& stopping) {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      posted_.wait(lock, stopping, [this] { return !waiting_.empty(); });
      if (stopping.stop_requested()) return;
      job = std::move(waiting_.front());
      waiting_.pop_front();
    }
    asio::post(main_, job());
  }
}

}  // namespace weir::server
