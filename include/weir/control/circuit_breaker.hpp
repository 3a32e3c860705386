// Whether calls to an upstream are let through: closed, open, half-open as resilience4j has them.
// One an upstream, shared by all workers. A pure function of the times it is told. While closed,
// begin() costs a load; what a call came to is recorded in a short critical section.
//
// closed     every call passes. Once minimum_calls are in the window and the share of failed or of
//            slow ones reaches its limit: open.
// open       none passes until open_for is over; the first look after that makes it half-open.
// half-open  half_open_calls pass as probes. When as many have ended, the same two shares decide:
//            open again or closed with an empty window. Probes that take longer than open_for (a
//            stream) do not hold the others up: then as many again may pass.
// ramp       the first while after half-open, shown as closed: calls at the same time are limited,
//            from ramp_calls on, one more for each that succeeded, doubled ten times on the way.
//            Who sends one call after the other never meets it; a crowd that waited does.
//
// A call belongs to the stretch of a state that it began in: what it comes to later counts nowhere.
//
// Beside this it holds the rule by which a share of calls is shed (JointShed), and tells it how
// long calls took. Whoever asks begin() asks that, too.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "weir/base/grpc_status.hpp"
#include "weir/base/time.hpp"
#include "weir/control/call_window.hpp"
#include "weir/control/joint_shed.hpp"

namespace weir::control {

enum class BreakerState : std::uint8_t { closed, half_open, open };
inline constexpr std::size_t breaker_state_count = 3;
std::string_view name(BreakerState state) noexcept;  // "closed", "half_open", "open"

// What an operator set: off is none, the breaker decides by itself.
enum class BreakerForce : std::uint8_t { off, closed, open };
std::string_view name(BreakerForce force) noexcept;

// What a call came to, as far as the upstream is to blame.
enum class CallEnd : std::uint8_t {
  answered,  // with a final status
  connect,   // no connection
  reset,     // the connection ended early, or what came was no answer
  timeout,   // no answer in time
  unknown,   // the client left, or it never was a call: counts nowhere
};

struct BreakerPolicy {
  bool connect_fails = true;
  bool reset_fails = true;
  bool timeout_fails = true;
  std::bitset<100> statuses_fail = std::bitset<100>().set();  // of 500 to 599
  std::bitset<grpc_code_count> grpc_fails;                    // codes of answered calls of gRPC
  double failure_rate = 0.5;                                  // above 0, at most 1
  Duration slow_call = std::chrono::seconds(1);               // a call that took longer is slow
  double slow_call_rate = 1.0;
  Duration window = std::chrono::seconds(10);
  std::uint32_t window_calls = 0;    // above 0: the window is that many calls
  std::uint32_t minimum_calls = 20;  // never more than window_calls
  Duration open_for = std::chrono::seconds(10);
  std::uint32_t half_open_calls = 10;

  friend bool operator==(const BreakerPolicy&, const BreakerPolicy&) = default;
};

struct BreakerChange {
  BreakerState from = BreakerState::closed;
  BreakerState to = BreakerState::closed;
  std::string why;
};

// What there is to see of one.
struct BreakerView {
  bool active = false;  // has a policy or is forced
  BreakerState state = BreakerState::closed;
  BreakerForce force = BreakerForce::off;
  std::string why;       // of the last change; "" before the first
  Duration open_left{};  // while open
  CallCounts counts;     // in the window, or of the probes that have ended
  std::array<std::uint64_t, breaker_state_count> transitions{};  // by `to`
};

class BreakerCall;

class CircuitBreaker {
 public:
  // Told of each change, under the breaker's lock: must not call it. May be empty.
  using Observer = std::function<void(const BreakerChange&)>;
  static constexpr std::uint32_t ramp_calls = 64;
  static constexpr Duration longest_ramp = std::chrono::seconds(10);

  // `seed` as in JointShed.
  explicit CircuitBreaker(Observer observer = {}, JointShed::Observer shed_observer = {},
                          std::uint64_t seed = 0)
      : observer_(std::move(observer)), shed_(std::move(shed_observer), seed) {}
  CircuitBreaker(const CircuitBreaker&) = delete;
  CircuitBreaker& operator=(const CircuitBreaker&) = delete;

  // --- any thread

  // The right to call, or how long to stay away (zero: not known).
  std::expected<BreakerCall, Duration> begin(TimePoint now);

  // Whether `call`, which was let through, may be tried once more. Costs a load.
  bool lets_retry(const BreakerCall& call) const noexcept;

  // Nothing for none: everything passes and nothing is counted. With another policy than before it
  // starts anew, closed; with the same nothing changes. What an operator forced stays.
  void apply(const std::optional<BreakerPolicy>& policy);
  // `off` after something else starts anew, closed.
  void force(BreakerForce force);
  // Makes the change that is due at `now`.
  BreakerView view(TimePoint now);
  // With its own policy, and its own lock.
  JointShed& shed() noexcept { return shed_; }

 private:
  friend class BreakerCall;

  // How word_ says what begin() is to do.
  enum class Mode : std::uint8_t { pass, closed, ramp, half_open, open, forced_open };
  struct Permit {
    enum class Kind : std::uint8_t { uncounted, plain, probe, ramp };
    std::uint32_t stretch = 0;
    Kind kind = Kind::uncounted;
  };
  static constexpr std::uint64_t word(std::uint32_t stretch, Mode mode) noexcept {
    return (std::uint64_t{stretch} << 8) | static_cast<std::uint64_t>(mode);
  }

  std::expected<BreakerCall, Duration> begin_guarded(TimePoint now);
  void record(const Permit& permit, TimePoint now, CallEnd end, int status, GrpcStatus grpc,
              Duration took);
  void finish(const Permit& permit, bool used) noexcept;

  // --- under mutex_
  void enter(Mode mode, std::string why);
  void restart(std::string why);
  void after_open(TimePoint now);
  bool fails(CallEnd end, int status, GrpcStatus grpc) const noexcept;
  // Why it should open, "" when it should not.
  std::string verdict(const CallCounts& counts) const;
  std::uint64_t ramp_limit(TimePoint now) const noexcept;
  BreakerState state() const noexcept;

  const Observer observer_;
  JointShed shed_;
  std::atomic<std::uint64_t> word_{word(0, Mode::pass)};
  std::atomic<TimePoint::rep> open_until_{0};  // written before word_ says open
  std::atomic<bool> counts_grpc_{false};       // the policy has codes of gRPC

  alignas(64) std::mutex mutex_;  // guards what follows, and writing what stands above
  std::optional<BreakerPolicy> configured_;
  BreakerPolicy policy_;  // with minimum_calls within the window
  BreakerForce force_ = BreakerForce::off;
  Mode mode_ = Mode::pass;
  std::uint32_t stretch_ = 0;
  CallWindow window_{std::chrono::seconds(10), 0};
  CallCounts probes_;            // that have ended
  std::uint32_t permits_ = 0;    // for probes, left
  TimePoint since_;              // half-open or ramp
  std::uint64_t in_flight_ = 0;  // in the ramp
  std::uint64_t succeeded_ = 0;  // in the ramp
  std::string why_;
  std::array<std::uint64_t, breaker_state_count> transitions_{};
};

// One call that was let through. Move-only. Given up without ended() it counts nowhere and its
// place among the probes is free again. The breaker outlives it.
class BreakerCall {
 public:
  BreakerCall() = default;
  BreakerCall(BreakerCall&& other) noexcept
      : breaker_(std::exchange(other.breaker_, nullptr)),
        permit_(other.permit_),
        used_(other.used_) {}
  BreakerCall& operator=(BreakerCall&& other) noexcept {
    if (this == &other) return *this;
    give_up();
    breaker_ = std::exchange(other.breaker_, nullptr);
    permit_ = other.permit_;
    used_ = other.used_;
    return *this;
  }
  ~BreakerCall() { give_up(); }

  // Somebody wants to know what it comes to.
  bool counts() const noexcept { return breaker_ != nullptr; }
  bool is_probe() const noexcept {
    return breaker_ != nullptr && permit_.kind == CircuitBreaker::Permit::Kind::probe;
  }
  // A probe decides about others, and what is held closed lets everything pass.
  bool may_be_shed() const noexcept { return breaker_ != nullptr && !is_probe(); }
  // Codes of gRPC count: what an answered call of it came to is known with its status.
  bool counts_grpc() const noexcept {
    return breaker_ != nullptr && breaker_->counts_grpc_.load(std::memory_order_relaxed);
  }
  // What it came to, as the client sees it: of several tries the last one counts. `status` of
  // `answered`, and `grpc` of a call of gRPC; `took`, of all tries, is what is compared with
  // slow_call. Call it once.
  void ended(TimePoint now, CallEnd end, int status, Duration took,
             GrpcStatus grpc = no_grpc_status) {
    if (breaker_ == nullptr || end == CallEnd::unknown) return;
    used_ = true;
    breaker_->record(permit_, now, end, status, grpc, took);
  }
  void give_up() noexcept {
    using Kind = CircuitBreaker::Permit::Kind;
    CircuitBreaker* const breaker = std::exchange(breaker_, nullptr);
    if (breaker == nullptr || permit_.kind == Kind::uncounted || permit_.kind == Kind::plain)
      return;
    breaker->finish(permit_, used_);
  }

 private:
  friend class CircuitBreaker;
  BreakerCall(CircuitBreaker& breaker, CircuitBreaker::Permit permit) noexcept
      : breaker_(&breaker), permit_(permit) {}

  CircuitBreaker* breaker_ = nullptr;
  CircuitBreaker::Permit permit_;
  bool used_ = false;
};

inline bool CircuitBreaker::lets_retry(const BreakerCall& call) const noexcept {
  const std::uint64_t seen = word_.load(std::memory_order_acquire);
  switch (static_cast<Mode>(seen & 0xff)) {
    case Mode::pass:
    case Mode::closed:
    case Mode::ramp:
      return true;
    case Mode::half_open:
      // The probes of this stretch are calls that have their place.
      return call.is_probe() && call.permit_.stretch == static_cast<std::uint32_t>(seen >> 8);
    case Mode::open:
    case Mode::forced_open:
      break;
  }
  return false;
}

inline std::expected<BreakerCall, Duration> CircuitBreaker::begin(TimePoint now) {
  const std::uint64_t seen = word_.load(std::memory_order_acquire);
  switch (static_cast<Mode>(seen & 0xff)) {
    case Mode::pass:
      return BreakerCall();
    case Mode::closed:
      return BreakerCall(*this, {static_cast<std::uint32_t>(seen >> 8), Permit::Kind::plain});
    case Mode::open:
      // Refused without the lock as long as it is certain.
      if (const Duration left =
              TimePoint(Duration(open_until_.load(std::memory_order_relaxed))) - now;
          left > Duration::zero()) {
        return std::unexpected(left);
      }
      break;
    case Mode::ramp:
    case Mode::half_open:
    case Mode::forced_open:
      break;
  }
  return begin_guarded(now);
}

}  // namespace weir::control
