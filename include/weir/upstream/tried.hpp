// What a request has tried already: the endpoints it will not be sent to again. One an exchange;
// worker thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "weir/base/reason.hpp"
#include "weir/base/time.hpp"
#include "weir/upstream/endpoint.hpp"

namespace weir::upstream {

// A connect that came to nothing, on the way to a lease.
struct ConnectFailure {
  std::shared_ptr<const Endpoint> endpoint;
  Reason reason = Reason::connect_failed;  // or connect_timeout, or why the exchange was cancelled
  Duration took{};
};

class Tried {
 public:
  void add(const Endpoint& endpoint) { add(endpoint.id()); }
  void add(std::uint64_t id) {
    if (count_ < first_.size()) {
      first_[count_] = id;
    } else {
      further_.push_back(id);
    }
    ++count_;
  }
  // All may be chosen again.
  void forget() noexcept {
    count_ = 0;
    further_.clear();
  }
  bool contains(const Endpoint& endpoint) const noexcept {
    if (count_ == 0) return false;
    for (std::size_t i = 0; i < count_; ++i) {
      const std::uint64_t id = i < first_.size() ? first_[i] : further_[i - first_.size()];
      if (id == endpoint.id()) return true;
    }
    return false;
  }
  std::size_t size() const noexcept { return count_; }

  // The next lease must be a new connection: set after a reused one turned out dead, as its
  // neighbours likely are too. The endpoint itself is then not added.
  bool fresh = false;

  // The request becomes a tunnel: where ALPN was left to the upstream, and what it chose carries
  // none, a connection of HTTP/1.1 is made.
  bool tunnel = false;

  // How many endpoints a connect may still fail at; with the last one of them acquire() gives up.
  unsigned connects_left = most_connects;
  static constexpr unsigned most_connects = 3;
  bool goes_on() const noexcept { return connects_left > 1; }

  // False: acquire() fails with pool_full where it would wait for a permit.
  bool may_wait = true;

  // Where acquire() has a permit and is making or awaiting a connection, and since when; with id 0
  // it waits for a permit, or has not been called.
  struct Connecting {
    std::uint64_t endpoint = 0;
    TimePoint since{};
  };
  Connecting connecting;

  // Where there is no other endpoint, acquire() tries the one it has once more, after a moment.
  bool once_more = true;

  // A connect takes no longer than this, besides the upstream's connect_timeout; zero: no limit.
  // What it cuts is request_timeout.
  Duration connect_limit{};

  // Added to by Cluster::acquire, each beside add(); for metrics and the count of attempts.
  std::vector<ConnectFailure> connect_failures;

 private:
  std::array<std::uint64_t, 4> first_{};
  std::vector<std::uint64_t> further_;
  std::size_t count_ = 0;
};

}  // namespace weir::upstream
