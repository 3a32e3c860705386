#include "weir/base/offload.hpp"

#include <algorithm>
#include <utility>

#include "weir/base/signals.hpp"

namespace weir {

Offload::Offload(unsigned threads, std::size_t queue)
    : queue_(queue),
      most_of_client_(std::max<std::size_t>(1, queue / 4)),
      most_of_use_(std::max(1U, threads - 1)) {
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

bool Offload::try_post(Job job, For whom) {
  constexpr int ipv6_network = 64;
  const IpAddress client = whom.client.is_v6() ? whom.client.masked(ipv6_network) : whom.client;
  {
    const std::lock_guard lock(mutex_);
    Queue& queue = queues_[static_cast<std::size_t>(whom.use)];
    if (stopping_ || queue.waiting >= queue_) return false;
    const auto own = std::ranges::find(queue.turns, client, &Client::address);
    if (own == queue.turns.end()) {
      Client fresh{client, {}};
      fresh.waiting.push_back(std::move(job));
      queue.turns.push_back(std::move(fresh));
    } else {
      if (client.valid() && own->waiting.size() >= most_of_client_) return false;
      own->waiting.push_back(std::move(job));
    }
    ++queue.waiting;
  }
  posted_.notify_one();
  return true;
}

double Offload::fill() const {
  const std::lock_guard lock(mutex_);
  if (queue_ == 0) return 0;
  std::size_t most = 0;
  for (const Queue& queue : queues_) most = std::max(most, queue.waiting);
  return static_cast<double>(most) / static_cast<double>(queue_);
}

bool Offload::can_run(const Queue& queue) const noexcept {
  return queue.waiting != 0 && queue.running < most_of_use_;
}

bool Offload::can_run() const noexcept {
  return std::ranges::any_of(queues_, [this](const Queue& queue) { return can_run(queue); });
}

Offload::Job Offload::take(std::size_t& use) {
  use = next_use_;
  while (!can_run(queues_[use])) use = (use + 1) % use_count;
  next_use_ = (use + 1) % use_count;
  Queue& queue = queues_[use];
  Client& client = queue.turns.front();
  Job job = std::move(client.waiting.front());
  client.waiting.pop_front();
  if (client.waiting.empty()) {
    queue.turns.pop_front();
  } else {
    queue.turns.splice(queue.turns.end(), queue.turns, queue.turns.begin());
  }
  --queue.waiting;
  ++queue.running;
  return job;
}

void Offload::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    posted_.wait(lock, [this] { return stopping_ || can_run(); });
    if (stopping_) return;
    std::size_t use = 0;
    Job job = take(use);
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
    // This thread looks for the next one itself; another need not be woken.
    --queues_[use].running;
  }
}

}  // namespace weir
