#include "upstream/client_shares.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace weir::upstream {

void ClientPlace::leave() noexcept { std::exchange(shares_, nullptr)->leave(client_); }

void ClientShares::add(unsigned worker, ClientCells at, std::uint32_t change) noexcept {
  const auto add_to = [change](std::atomic<std::uint32_t>& count) {
    count.store(count.load(std::memory_order_relaxed) + change, std::memory_order_relaxed);
  };
  Counts& counts = counts_[worker];
  add_to(counts.rows[0][at.first]);
  add_to(counts.rows[1][at.second]);
}

ClientCells ClientShares::take(unsigned worker, const IpAddress& client) noexcept {
  const std::uint64_t hash = client.is_v6() ? hash_of(network_of(client)) : hash_of(client);
  const ClientCells at{static_cast<std::uint8_t>(hash % cells),
                       static_cast<std::uint8_t>((hash >> 32) % cells), true};
  add(worker, at, 1);
  return at;
}

void ClientShares::give_back(unsigned worker, ClientCells at) noexcept {
  add(worker, at, static_cast<std::uint32_t>(-1));
}

std::uint64_t ClientShares::held(ClientCells at) const noexcept {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  for (const Counts& counts : counts_) {
    first += counts.rows[0][at.first].load(std::memory_order_relaxed);
    second += counts.rows[1][at.second].load(std::memory_order_relaxed);
  }
  return std::min(first, second);
}

bool ClientShares::may_warn(TimePoint now) noexcept {
  TimePoint::rep next = next_warning_.load(std::memory_order_relaxed);
  if (now.time_since_epoch().count() < next) return false;
  return next_warning_.compare_exchange_strong(
      next, (now + between_warnings).time_since_epoch().count(), std::memory_order_relaxed);
}

std::uint64_t ClientShares::hash_of(const IpAddress& network) const noexcept {
  return sip_hash(key_,
                  {reinterpret_cast<const char*>(network.bytes().data()), network.bytes().size()});
}

bool ClientShares::enter(const IpAddress& client, std::uint64_t most) {
  const std::lock_guard lock(mutex_);
  std::uint64_t& count = exact_[network_of(client)];
  // None is zero: a limit is one at least.
  if (count >= most) return false;
  ++count;
  return true;
}

void ClientShares::leave(const IpAddress& client) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = exact_.find(network_of(client));
  if (found != exact_.end() && --found->second == 0) exact_.erase(found);
}

}  // namespace weir::upstream
