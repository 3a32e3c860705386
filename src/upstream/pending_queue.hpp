// The requests of one worker that wait for a permit, and which of them is served next: the oldest,
// or as `pool.order` and `pool.fair` say. What is done for a permit does not depend on how many
// wait: those who want the same are one kind, of which the first or the last is asked. Owned by a
// WorkerView; its worker's thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "weir/config/model.hpp"
#include "weir/control/adaptive_order.hpp"
#include "weir/control/deficit_round_robin.hpp"
#include "weir/net/waiter.hpp"
#include "weir/upstream/caller.hpp"
#include "weir/upstream/lease.hpp"
#include "weir/upstream/tried.hpp"

namespace weir::upstream {

class WorkerView;

// A request in the queue, from its making to its grant or its end.
class Pending final {
 public:
  Pending(WorkerView& view, const Tried& wanted, const Caller& caller) noexcept;
  ~Pending() { leave(); }
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;

  // It waits no longer; its coroutine ends when the loop resumes it.
  void cancel() noexcept;

  net::Waiter waiter;
  const Tried& tried;
  const bool may_panic;  // as its caller's
  const TimePoint since;
  std::optional<Lease> lease;  // what it was granted

 private:
  friend class PendingQueue;
  // Which endpoints it can use is the same for all of a kind, the choosy ones aside.
  enum class Kind : std::uint8_t { any, healthy, choosy };
  static constexpr std::size_t kinds = 3;
  struct Links {
    Pending* next = nullptr;
    Pending* previous = nullptr;
  };

  void leave() noexcept;

  WorkerView& view_;
  const Kind kind_;
  const std::uint64_t key_;   // as Caller::fair
  std::uint64_t number_ = 0;  // in order of arrival
  control::DeficitRoundRobin::Flow flow_ = 0;
  Links of_kind_;
  Links of_flow_;
  bool queued_ = false;
};

class PendingQueue {
 public:
  PendingQueue() noexcept : order_(std::chrono::milliseconds(100)) {}

  // Takes the memory that configure() needs.
  void reserve(const config::Pool& pool);
  // Those who wait are served as it says from now on.
  void configure(const config::Pool& pool) noexcept;

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  // Since when the one has waited that waits longest; max() when nobody does.
  TimePoint oldest() const noexcept;
  bool newest_first() const noexcept { return adaptive_ && order_.newest_first(); }
  // Callers that wait, where they take turns; 0 where they do not.
  std::size_t keys() const noexcept { return fair_in_use() ? fair_->rounds.active() : 0; }
  // Requests of who has this key.
  std::size_t waiting_of(std::uint64_t key) const noexcept {
    return fair_in_use() ? fair_->rounds.waiting_of(key) : 0;
  }
  // The last one that came of who has most here; null where callers do not take turns, or he has
  // no more than `most`.
  Pending* last_of_longest(std::size_t most) const noexcept;

  void add(Pending& pending, TimePoint now) noexcept;
  void remove(Pending& pending, TimePoint now) noexcept;

  // Who has waited longest of those that `can(pending)` serve; null for none.
  template <class Can>
  Pending* oldest_of(Can&& can) const noexcept {
    return among_kinds(can, false);
  }
  // Takes who is served next of them off the queue.
  template <class Can>
  Pending* take(TimePoint now, Can&& can) noexcept;

 private:
  template <Pending::Links Pending::* links>
  struct List {
    Pending* first = nullptr;
    Pending* last = nullptr;

    void push(Pending& at) noexcept {
      (at.*links) = {nullptr, last};
      (last != nullptr ? (last->*links).next : first) = &at;
      last = &at;
    }
    void erase(Pending& at) noexcept {
      const Pending::Links around = at.*links;
      (around.previous != nullptr ? (around.previous->*links).next : first) = around.next;
      (around.next != nullptr ? (around.next->*links).previous : last) = around.previous;
    }
    // In order of arrival, or against it.
    Pending* begin(bool newest) const noexcept { return newest ? last : first; }
    static Pending* next(const Pending& at, bool newest) noexcept {
      return newest ? (at.*links).previous : (at.*links).next;
    }
  };
  using KindList = List<&Pending::of_kind_>;
  using FlowList = List<&Pending::of_flow_>;
  struct Fair {
    control::DeficitRoundRobin rounds;
    std::array<FlowList, control::DeficitRoundRobin::most_keys> flows;
  };

  const KindList& of(Pending::Kind kind) const noexcept {
    return kinds_[static_cast<std::size_t>(kind)];
  }
  bool fair_in_use() const noexcept { return is_fair_; }
  void enter_flow(Pending& pending) noexcept;
  template <class Can>
  Pending* among_kinds(Can&& can, bool newest) const noexcept;
  template <class Can>
  Pending* in_turn(Can&& can, bool newest) noexcept;
  void unlink(Pending& pending, TimePoint now) noexcept;
  void look(TimePoint now) noexcept {
    if (adaptive_) order_.look(now, oldest());
  }

  std::array<KindList, Pending::kinds> kinds_{};
  std::size_t size_ = 0;
  std::uint64_t arrived_ = 0;
  bool adaptive_ = false;
  control::AdaptiveOrder order_;
  bool is_fair_ = false;
  std::unique_ptr<Fair> fair_;  // once it was needed
};

template <class Can>
Pending* PendingQueue::among_kinds(Can&& can, bool newest) const noexcept {
  Pending* found = nullptr;
  const auto sooner = [&](const Pending& at) {
    return found == nullptr || (at.number_ < found->number_) != newest;
  };
  for (const Pending::Kind kind : {Pending::Kind::any, Pending::Kind::healthy}) {
    Pending* const at = of(kind).begin(newest);
    if (at != nullptr && sooner(*at) && can(*at)) found = at;
  }
  for (Pending* at = of(Pending::Kind::choosy).begin(newest); at != nullptr && sooner(*at);
       at = KindList::next(*at, newest)) {
    if (can(*at)) return at;
  }
  return found;
}

// REQUIRES: fair_in_use().
template <class Can>
Pending* PendingQueue::in_turn(Can&& can, bool newest) noexcept {
  std::array<bool, Pending::kinds> kind_can{};
  for (const Pending::Kind kind : {Pending::Kind::any, Pending::Kind::healthy}) {
    const Pending* const at = of(kind).first;
    kind_can[static_cast<std::size_t>(kind)] = at != nullptr && can(*at);
  }
  // Only some that want something else: theirs are few, and in no turn.
  if (!kind_can[0] && !kind_can[1]) {
    Pending* const found = among_kinds(can, newest);
    if (found != nullptr) fair_->rounds.serve(found->flow_);
    return found;
  }
  Pending* found = nullptr;
  fair_->rounds.take([&](control::DeficitRoundRobin::Flow flow) {
    for (found = fair_->flows[flow].begin(newest); found != nullptr;
         found = FlowList::next(*found, newest)) {
      const bool chosen = found->kind_ == Pending::Kind::choosy
                              ? can(*found)
                              : kind_can[static_cast<std::size_t>(found->kind_)];
      if (chosen) return true;
    }
    return false;
  });
  return found;
}

template <class Can>
Pending* PendingQueue::take(TimePoint now, Can&& can) noexcept {
  look(now);
  const bool newest = newest_first();
  Pending* const found = fair_in_use() ? in_turn(can, newest) : among_kinds(can, newest);
  if (found != nullptr) unlink(*found, now);
  return found;
}

}  // namespace weir::upstream
