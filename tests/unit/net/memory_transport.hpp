// A connection without a socket: the near end is a Transport, the far end is the test itself, which
// says what comes and sees what was sent. A plan of faults decides what each call of the near end
// moves, and how it fails. An edge comes with the next turn of the loop, as from the kernel, so a
// run is the same each time. Everything on the loop's thread.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "allocation_count.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/reactor.hpp"
#include "weir/net/task_group.hpp"
#include "weir/net/transport.hpp"

namespace weir::net {

// What the near end's calls of receive() and send() meet; bytes count from the connection's first.
struct Faults {
  static constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

  std::size_t most_received = never;     // bytes that one call gives
  std::size_t most_sent = never;         // bytes that one call takes
  std::size_t again_at = 0;              // this call, from 1, finds EAGAIN all the same; 0: none
  std::size_t end_after = never;         // a FIN comes behind so many bytes
  std::size_t reset_after = never;       // a reset, when so many bytes were received
  std::size_t reset_after_sent = never;  // or sent

  bool operator==(const Faults&) const = default;
};

// What a far end speaks through when what crosses the wire is not what it says and hears: TLS.
class FarSeal {
 public:
  virtual ~FarSeal() = default;
  // Each gives what goes over the wire now, maybe nothing.
  virtual std::string begin() = 0;
  virtual std::string seal(std::string_view said) = 0;
  // `bytes` came over the wire; what they tell is appended to `heard`.
  virtual std::string hear(std::string_view bytes, std::string& heard) = 0;
  virtual std::string end() = 0;
};

class FarEnd final : public std::enable_shared_from_this<FarEnd>, private ReadyTarget {
 public:
  // `reactor` is that of the loop whose turns bring the edges; it outlives both ends.
  explicit FarEnd(Reactor& reactor, const Faults& faults = {}) : reactor_(reactor), plan_(faults) {}
  ~FarEnd() { reactor_.forget(-1, *this); }

  // The near end; once.
  std::unique_ptr<Transport> near();
  // From now on all goes through `seal`: faults meet what is sealed. Before anything is said.
  void speak_through(std::unique_ptr<FarSeal> seal) {
    const Unfailing own;
    seal_ = std::move(seal);
    put(seal_->begin());
  }

  // --- what the far end does
  void say(std::string_view bytes) {
    const Unfailing own;
    if (finished_ || reset_) return;
    put(seal_ ? seal_->seal(bytes) : std::string(bytes));
  }
  void finish() {
    const Unfailing own;
    if (seal_ && !finished_ && !reset_) put(seal_->end());
    finished_ = true;
    edge();
  }
  void reset() {
    reset_ = true;
    coming_.clear();
    edge();
  }
  // Takes nothing until flow().
  void stall() noexcept { stalled_ = true; }
  void flow() {
    stalled_ = false;
    edge();
  }

  // --- what the near end did
  const std::string& heard() const noexcept { return heard_; }
  std::string take_heard() noexcept { return std::exchange(heard_, {}); }
  bool near_finished() const noexcept { return near_finished_ || near_closed_; }
  bool near_closed() const noexcept { return near_closed_; }
  bool near_reset() const noexcept { return near_reset_; }
  // Of receive() and send().
  std::size_t calls() const noexcept { return calls_; }
  // A fault of the plan came to pass, the limits of a call's bytes aside.
  bool fired() const noexcept { return fired_; }
  // Runs within each send(), shutdown_write() and close() that changed something: it may do what
  // the far end does, and must not touch the near end.
  std::function<void()> on_change;

 private:
  friend class NearEnd;

  void edge() {
    if (target_ != nullptr) reactor_.tell_again(*this);
  }
  void put(std::string_view bytes) {
    if (finished_ || reset_) return;
    const std::size_t left = plan_.end_after - said_;
    said_ += std::min(left, bytes.size());
    coming_ += bytes.substr(0, left);
    if (bytes.size() >= left) {
      fired_ = true;
      finished_ = true;
    }
    edge();
  }
  void on_ready(std::uint8_t) noexcept override {
    if (target_ == nullptr) return;
    std::uint8_t ready = 0;
    if (!coming_.empty() || finished_ || reset_) ready |= Ready::read;
    if (!stalled_ || reset_) ready |= Ready::write;
    if (finished_ || reset_) ready |= Ready::peer_closed;
    if (reset_ || (finished_ && near_finished_)) ready |= Ready::broken;
    const auto keep = shared_from_this();
    target_->on_ready(ready);
  }
  void changed() {
    const Unfailing own;
    if (on_change) on_change();
  }
  // Whether this call meets the plan's EAGAIN.
  bool meets_again() {
    if (++calls_ != plan_.again_at) return false;
    fired_ = true;
    edge();
    return true;
  }
  void reset_by_plan() {
    fired_ = true;
    reset();
  }

  bool open(ReadyTarget& target) noexcept {
    target_ = &target;
    if (plan_.end_after == 0) fired_ = finished_ = true;
    if (plan_.reset_after == 0 || plan_.reset_after_sent == 0) reset_by_plan();
    edge();
    return true;
  }
  ssize_t receive(std::span<std::byte> into, bool keep) {
    if (!keep && meets_again()) return -EAGAIN;
    if (reset_) return -ECONNRESET;
    const std::size_t most = std::min(plan_.most_received, plan_.reset_after - received_);
    const std::size_t size = std::min({into.size(), coming_.size(), most});
    if (size == 0) return finished_ ? 0 : -EAGAIN;
    std::memcpy(into.data(), coming_.data(), size);
    if (keep) return static_cast<ssize_t>(size);
    coming_.erase(0, size);
    received_ += size;
    if (received_ == plan_.reset_after) {
      reset_by_plan();
    } else if (size < into.size() && !coming_.empty()) {
      edge();  // as if the rest had come a moment later
    }
    return static_cast<ssize_t>(size);
  }
  ssize_t send(std::span<const iovec> pieces) {
    const Unfailing own;
    if (meets_again()) return -EAGAIN;
    if (reset_ || near_finished_) return -EPIPE;
    if (stalled_) return -EAGAIN;
    std::size_t wanted = 0;
    std::size_t room = std::min(plan_.most_sent, plan_.reset_after_sent - sent_);
    std::size_t taken = 0;
    for (const iovec& piece : pieces) {
      wanted += piece.iov_len;
      const std::size_t size = std::min(room, piece.iov_len);
      hear({static_cast<const char*>(piece.iov_base), size});
      room -= size;
      taken += size;
    }
    sent_ += taken;
    if (sent_ == plan_.reset_after_sent) {
      reset_by_plan();
    } else if (taken < wanted) {
      edge();
    }
    changed();
    return static_cast<ssize_t>(taken);
  }
  void hear(std::string_view bytes) {
    if (!seal_) {
      heard_ += bytes;
    } else if (!bytes.empty()) {
      put(seal_->hear(bytes, heard_));
    }
  }
  void shutdown_write() {
    near_finished_ = true;
    if (finished_) edge();
    changed();
  }
  void close(bool reset) {
    target_ = nullptr;
    reactor_.forget(-1, *this);
    near_closed_ = true;
    near_reset_ = reset;
    changed();
  }

  Reactor& reactor_;
  const Faults plan_;
  ReadyTarget* target_ = nullptr;
  std::unique_ptr<FarSeal> seal_;
  std::string coming_;  // said, and not received yet
  std::string heard_;
  std::size_t said_ = 0;
  std::size_t received_ = 0;
  std::size_t sent_ = 0;
  std::size_t calls_ = 0;
  bool finished_ = false;
  bool reset_ = false;
  bool stalled_ = false;
  bool near_finished_ = false;
  bool near_closed_ = false;
  bool near_reset_ = false;
  bool fired_ = false;
};

class NearEnd final : public Transport {
 public:
  explicit NearEnd(std::shared_ptr<FarEnd> far) noexcept : far_(std::move(far)) {}
  ~NearEnd() override {
    if (!far_->near_closed_) far_->close(false);
  }

  bool open(ReadyTarget& target) noexcept override { return far_->open(target); }
  int connect_error() noexcept override { return far_->reset_ ? ECONNRESET : 0; }
  ssize_t receive(std::span<std::byte> into) noexcept override {
    return far_->receive(into, false);
  }
  ssize_t peek(std::span<std::byte> into) noexcept override { return far_->receive(into, true); }
  ssize_t send(std::span<const iovec> pieces) noexcept override { return far_->send(pieces); }
  void shutdown_write() noexcept override { far_->shutdown_write(); }
  void close(bool reset) noexcept override { far_->close(reset); }
  SocketAddress local_address() const override { return {}; }

 private:
  const std::shared_ptr<FarEnd> far_;
};

inline std::unique_ptr<Transport> FarEnd::near() {
  return std::make_unique<NearEnd>(shared_from_this());
}

// Connects to far ends of the test's own; for the rest it is the reactor that workers have.
class MemoryReactor final : public Reactor {
 public:
  ~MemoryReactor() override { reached.clear(); }

  bool add(int fd, ReadyTarget& target) noexcept override { return real_->add(fd, target); }
  void forget(int fd, ReadyTarget& target) noexcept override { real_->forget(fd, target); }
  void wait(TimePoint now, TimePoint until) noexcept override { real_->wait(now, until); }
  void tell_again(ReadyTarget& target) override { real_->tell_again(target); }
  void dispatch() noexcept override { real_->dispatch(); }
  Result<Connecting> connect(const SocketAddress& address) override {
    std::shared_ptr<FarEnd> far;
    {
      const Unfailing own;
      if (reach) far = reach(address);
      if (far == nullptr) return fail(Reason::connect_failed, Side::upstream, "ECONNREFUSED");
    }
    std::unique_ptr<Transport> near = far->near();
    const Unfailing own;
    reached.push_back(far);
    return Connecting{std::move(near), false};
  }

  // What is at an address; null: nobody, who refuses.
  std::function<std::shared_ptr<FarEnd>(const SocketAddress&)> reach;
  std::vector<std::shared_ptr<FarEnd>> reached;  // by connects, in their order

 private:
  const std::unique_ptr<Reactor> real_ = make_epoll_reactor();
};

// A loop whose connects stay in memory.
class MemoryLoop {
 public:
  MemoryLoop() : MemoryLoop(std::make_unique<MemoryReactor>()) {}
  Loop& loop() noexcept { return loop_; }
  MemoryReactor& reactor() noexcept { return reactor_; }

 private:
  explicit MemoryLoop(std::unique_ptr<MemoryReactor> reactor)
      : reactor_(*reactor), loop_(std::move(reactor)) {}

  MemoryReactor& reactor_;
  Loop loop_;
};

// Does something at one step of a loop. Between a coroutine's wait and its going on there is a step
// at least, so what is done at each step in turn is done at each point where a coroutine waits.
// REQUIRES: stop() was called, and a turn has passed, before it goes.
class AtStep {
 public:
  // `step` from 1; 0: never.
  AtStep(Loop& loop, std::size_t step, std::function<void()> action)
      : waiter_(loop), group_(loop), step_(step), action_(std::move(action)) {
    if (step_ != 0) group_.spawn(run());
  }
  void stop() noexcept { stopped_ = true; }
  bool done() const noexcept { return done_; }
  auto ended() noexcept { return group_.join(); }

 private:
  Task<> run() {
    for (std::size_t step = 1; !stopped_; ++step) {
      if (step == step_) {
        done_ = true;
        action_();
      }
      // To be resumed behind all who wait by now.
      waiter_.notify();
      co_await waiter_.wait(no_deadline);
      static_cast<void>(waiter_.result());
    }
  }

  Waiter waiter_;
  TaskGroup group_;
  const std::size_t step_;
  const std::function<void()> action_;
  bool stopped_ = false;
  bool done_ = false;
};

}  // namespace weir::net
