// Whose turn it is among callers that wait: deficit round robin (Shreedhar and Varghese) with one
// request as quantum and as cost. Each caller that waits is a flow; the flows are served in turn,
// and one whose requests cannot use what is given out keeps its turn for later. Pure; no
// allocation after construction.
//
// At most `most_keys` callers have a flow of their own. Further ones share the flows there are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace weir::control {

class DeficitRoundRobin {
 public:
  static constexpr std::size_t most_keys = 1024;
  using Flow = std::uint16_t;

  DeficitRoundRobin() noexcept;

  // One more request of the caller with this hash waits, behind those of its flow.
  Flow enter(std::uint64_t key) noexcept;
  // One of them waits no longer, and was not served. REQUIRES: one waits.
  void leave(Flow flow) noexcept;
  // The flow whose turn it is, one request of which is served: that no longer waits here.
  // `can(flow)`: it has a request that can be served. Nothing: none has.
  template <class Can>
  std::optional<Flow> take(Can&& can);
  // One of `flow` is served whose turn it need not be; it is taken off what the flow gets.
  void serve(Flow flow) noexcept;

  // Flows with somebody who waits.
  std::size_t active() const noexcept { return active_; }
  std::size_t waiting(Flow flow) const noexcept { return flows_[flow].waiting; }
  // How many requests of a caller with this hash, and of those who share its flow, wait.
  std::size_t waiting_of(std::uint64_t key) const noexcept;
  // The flow in which most wait. REQUIRES: active() != 0.
  Flow longest() const noexcept;

 private:
  static constexpr std::size_t buckets = 2048;
  static constexpr Flow none = 0xffff;
  // Turns that a flow may have missed and catches up on.
  static constexpr int most_credit = 4;

  struct Each {
    std::uint64_t key = 0;
    std::uint32_t waiting = 0;
    int credit = 0;
    Flow next = none;       // in the ring
    Flow previous = none;   // in the ring
    Flow in_bucket = none;  // the next of the same bucket, or the next free one
  };

  static std::size_t bucket_of(std::uint64_t key) noexcept {
    return static_cast<std::size_t>((key ^ (key >> 32)) % buckets);
  }
  Flow find(std::uint64_t key) const noexcept;
  void link(Flow flow) noexcept;
  void unlink(Flow flow) noexcept;
  void pass_on() noexcept {
    current_ = flows_[current_].next;
    began_ = false;
  }

  std::array<Each, most_keys> flows_;
  std::array<Flow, buckets> heads_;
  Flow free_ = 0;
  Flow current_ = none;  // whose turn it is
  bool began_ = false;   // it has been given this turn's quantum
  std::size_t active_ = 0;
};

template <class Can>
std::optional<DeficitRoundRobin::Flow> DeficitRoundRobin::take(Can&& can) {
  for (std::size_t looked = 0, all = active_; looked < all; ++looked) {
    Each& here = flows_[current_];
    if (!began_) {
      began_ = true;
      if (here.credit < most_credit) ++here.credit;
    }
    // Who was served out of turn waits until that is made up for.
    if (here.credit > 0 && can(current_)) {
      const Flow flow = current_;
      if (--here.credit <= 0 && here.waiting > 1) pass_on();
      leave(flow);
      return flow;
    }
    pass_on();
  }
  // All are in debt, or have nobody who can: debts bind nobody when there is something to give.
  for (std::size_t looked = 0, all = active_; looked < all; ++looked) {
    if (flows_[current_].credit <= 0 && can(current_)) {
      const Flow flow = current_;
      pass_on();
      leave(flow);
      return flow;
    }
    pass_on();
  }
  return std::nullopt;
}

}  // namespace weir::control
