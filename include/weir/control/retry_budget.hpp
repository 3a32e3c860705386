// How many retries an upstream may get at a time: a share of its requests in flight, and a few in
// any case, so that retries do not become the load under which it fails. A retry counts from its
// decision, so in its backoff, too, until it has ended. Pure; one an upstream, shared by the whole
// process; atomics, any thread. Costs nothing where nobody retries.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

namespace weir::control {

class RetryBudget {
 public:
  // The right to one retry after the other of one request, given back at the end. Move-only; the
  // budget outlives it.
  class Permit {
   public:
    Permit(Permit&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), in_flight_(other.in_flight_) {}
    Permit& operator=(Permit&& other) noexcept {
      if (this == &other) return *this;
      end();
      budget_ = std::exchange(other.budget_, nullptr);
      in_flight_ = other.in_flight_;
      return *this;
    }
    ~Permit() { end(); }

    // Its retry is among the upstream's requests in flight from now on, or no longer.
    void set_in_flight(bool is) noexcept {
      if (std::exchange(in_flight_, is) == is) return;
      is ? budget_->in_flight_.fetch_add(1, std::memory_order_relaxed)
         : budget_->in_flight_.fetch_sub(1, std::memory_order_relaxed);
    }

   private:
    friend class RetryBudget;
    explicit Permit(RetryBudget& budget) noexcept : budget_(&budget) {}
    void end() noexcept {
      if (budget_ == nullptr) return;
      set_in_flight(false);
      std::exchange(budget_, nullptr)->taken_.fetch_sub(1, std::memory_order_relaxed);
    }

    RetryBudget* budget_;
    bool in_flight_ = false;
  };

  // `share` is 0 to 1.
  void apply(double share, std::uint32_t min) noexcept {
    share_.store(share, std::memory_order_relaxed);
    min_.store(min, std::memory_order_relaxed);
  }

  // `in_flight`: the upstream's requests in flight, retries included; those do not count for the
  // share. Nothing: the budget is spent.
  std::optional<Permit> take(std::uint64_t in_flight) noexcept {
    const std::uint64_t retries = in_flight_.load(std::memory_order_relaxed);
    const std::uint64_t most =
        limit(in_flight - std::min(in_flight, retries), share_.load(std::memory_order_relaxed),
              min_.load(std::memory_order_relaxed));
    std::uint64_t now = taken_.load(std::memory_order_relaxed);
    while (now < most) {
      if (taken_.compare_exchange_weak(now, now + 1, std::memory_order_relaxed)) {
        return Permit(*this);
      }
    }
    return std::nullopt;
  }

  // Retries at the time, those in their backoff included.
  std::uint64_t taken() const noexcept { return taken_.load(std::memory_order_relaxed); }

  // So many retries at a time beside that many other requests.
  static constexpr std::uint64_t limit(std::uint64_t requests, double share,
                                       std::uint32_t min) noexcept {
    // A share is exact to a billionth: 20% of 15 is 3, whatever 0.2 is in binary.
    const auto of_billion = static_cast<std::uint64_t>(share * 1e9 + 0.5);
    constexpr std::uint64_t billion = 1'000'000'000;
    const std::uint64_t counted =
        std::min(requests, std::numeric_limits<std::uint64_t>::max() / billion);
    return std::max<std::uint64_t>(min, counted * of_billion / billion);
  }

 private:
  std::atomic<double> share_{0.2};
  std::atomic<std::uint32_t> min_{3};
  alignas(64) std::atomic<std::uint64_t> taken_{0};
  std::atomic<std::uint64_t> in_flight_{0};  // of those, after their backoff
};

}  // namespace weir::control
