#include "weir/upstream/endpoint.hpp"

namespace weir::upstream {
namespace {

std::uint64_t next_id() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

Endpoint::Endpoint(std::string address, SocketAddress socket_address, unsigned workers,
                   std::shared_ptr<void> annex)
    : id_(next_id()),
      address_(std::move(address)),
      socket_address_(std::move(socket_address)),
      workers_(workers),
      annex_(std::move(annex)),
      slots_(std::make_unique<Slot[]>(workers)) {}

std::uint64_t Endpoint::idle_connections() const noexcept {
  std::uint64_t sum = 0;
  for (unsigned worker = 0; worker < workers_; ++worker) {
    sum +=
        slots_[worker].idle.size() + slots_[worker].sessions_idle.load(std::memory_order_relaxed);
  }
  return sum;
}

std::uint64_t Endpoint::active_connections() const noexcept {
  std::uint64_t sum = 0;
  for (unsigned worker = 0; worker < workers_; ++worker) {
    sum += slots_[worker].active.load(std::memory_order_relaxed) +
           slots_[worker].sessions_active.load(std::memory_order_relaxed);
  }
  return sum;
}

void Endpoint::follow(const EndpointLimit::Policy& policy, TimePoint now) {
  if (limit_owner_ != nullptr) return limit_owner_->apply(policy, now);
  limit_owner_ = std::make_unique<EndpointLimit>(policy, now);
  limit_.store(limit_owner_.get(), std::memory_order_release);
}

// Never over `limit`, not even for a moment: an overshoot that is taken back would refuse others.
bool Endpoint::take(std::atomic<std::uint64_t>& count, std::uint64_t limit) noexcept {
  std::uint64_t now = count.load();
  while (now < limit) {
    if (count.compare_exchange_weak(now, now + 1)) return true;
  }
  return false;
}

}  // namespace weir::upstream
