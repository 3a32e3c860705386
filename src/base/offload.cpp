#include "weir/base/offload.hpp"

#include <utility>

#include "weir/base/signals.hpp"

namespace weir {

Offload::Offload(unsigned threads, std::size_t queue) : queue_(queue) {
  threads_.reserve(threads);
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this] {
      block_signals();
      run();
    });
  }
}

Offload::~Offload() { stop(); }

void Offload::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  posted_.notify_all();
  threads_.clear();
}

bool Offload::try_post(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || waiting_.size() >= queue_) return false;
    waiting_.push_back(std::move(job));
  }
  posted_.notify_one();
  return true;
}

double Offload::fill() const {
  const std::lock_guard lock(mutex_);
  return queue_ == 0 ? 0.0 : static_cast<double>(waiting_.size()) / static_cast<double>(queue_);
}

void Offload::run() {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      posted_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      job = std::move(waiting_.front());
      waiting_.pop_front();
    }
    job();
  }
}

}  // namespace weir
