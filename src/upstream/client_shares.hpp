// How many of an upstream's permits each client address has: counted roughly for all, to warn of
// one that has half of them, and exactly where `pool.client_share` limits them. IPv6 clients are
// counted by their /64. One a cluster, shared by the workers.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "weir/base/ip.hpp"
#include "weir/base/sip_hash.hpp"
#include "weir/base/time.hpp"
#include "weir/upstream/client_place.hpp"

namespace weir::upstream {

class ClientShares {
 public:
  static constexpr Duration between_warnings = std::chrono::minutes(1);

  explicit ClientShares(unsigned workers) : key_(random_sip_key()), counts_(workers) {}
  ClientShares(const ClientShares&) = delete;
  ClientShares& operator=(const ClientShares&) = delete;

  // --- roughly, on worker `worker`, without a lock: one that takes a permit, and gives it back
  ClientCells take(unsigned worker, const IpAddress& client) noexcept;
  void give_back(unsigned worker, ClientCells at) noexcept;
  // Permits that a client with these cells has at most, over all workers.
  std::uint64_t held(ClientCells at) const noexcept;
  // True once in `between_warnings`, for one of those who ask.
  bool may_warn(TimePoint now) noexcept;

  // --- exactly, any thread, under a short lock
  // One more unless the client has `most`.
  bool enter(const IpAddress& client, std::uint64_t most);
  void leave(const IpAddress& client) noexcept;

 private:
  static constexpr std::size_t cells = 128;
  // Two counts for each client, in rows of their own: the smaller one is off only where others
  // share both. Written by the worker alone.
  struct alignas(64) Counts {
    std::array<std::array<std::atomic<std::uint32_t>, cells>, 2> rows{};
  };
  static IpAddress network_of(const IpAddress& client) noexcept {
    return client.is_v6() ? client.masked(64) : client;
  }
  std::uint64_t hash_of(const IpAddress& network) const noexcept;
  void add(unsigned worker, ClientCells at, std::uint32_t change) noexcept;

  const SipKey key_;
  std::vector<Counts> counts_;  // by worker
  std::atomic<TimePoint::rep> next_warning_{0};
  std::mutex mutex_;
  // By network: looked up without an allocation, since what ends gives its place back. Guarded by
  // mutex_; none is zero.
  struct HashOf {
    const ClientShares* shares;
    std::size_t operator()(const IpAddress& network) const noexcept {
      return shares->hash_of(network);
    }
  };
  std::unordered_map<IpAddress, std::uint64_t, HashOf> exact_{0, HashOf{this}};
};

}  // namespace weir::upstream
