// One decision of a rate limit with a million callers and two threads, against a random
// read-modify-write in a table of that size: most of both is waiting for memory. In turn, each
// waits for the one before, as a gateway's do, which have a request between them; otherwise the
// processor works on as many at a time as it has room for: a dozen updates, two or three decisions.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "weir/control/rate_limiter.hpp"

namespace weir {
namespace {

constexpr std::uint64_t callers = 1'000'000;
constexpr std::size_t bytes_per_caller = 32;

// The same sequence for both: SplitMix64.
class Random {
 public:
  explicit Random(int thread) : state_(static_cast<std::uint64_t>(thread) << 40) {}
  std::uint64_t below(std::uint64_t most) noexcept {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(z) * most) >> 64);
  }

 private:
  std::uint64_t state_;
};

void bench_random_update(benchmark::State& state) {
  static std::vector<std::uint64_t> table(callers * bytes_per_caller / sizeof(std::uint64_t), 1);
  Random random(state.thread_index());
  for (auto _ : state) {
    std::atomic_ref<std::uint64_t> word(table[random.below(table.size())]);
    benchmark::DoNotOptimize(word.fetch_add(1, std::memory_order_relaxed));
  }
}

void bench_random_update_in_turn(benchmark::State& state) {
  static std::vector<std::uint64_t> table(callers * bytes_per_caller / sizeof(std::uint64_t), 0);
  Random random(state.thread_index());
  std::uint64_t before = 0;
  for (auto _ : state) {
    const std::uint64_t at = random.below(table.size() - 1) + (before & 1);
    before = std::atomic_ref<std::uint64_t>(table[at]).fetch_add(2, std::memory_order_relaxed);
  }
  benchmark::DoNotOptimize(before);
}

// As CallerKey has an IPv4 address.
struct Address {
  char bytes[6] = {0, 4};
  explicit Address(std::uint64_t n) noexcept { std::memcpy(bytes + 2, &n, 4); }
  std::string_view view() const noexcept { return {bytes, sizeof bytes}; }
};

control::RateLimiter& filled_limiter() {
  static control::RateLimiter limiter({.tokens = 50, .burst = 100, .max_keys = callers});
  static const bool filled = [] {
    for (std::uint64_t n = 0; n < callers; ++n) limiter.decide(Address(n).view(), Clock::now());
    return true;
  }();
  benchmark::DoNotOptimize(filled);
  return limiter;
}

void bench_rate_limit(benchmark::State& state) {
  control::RateLimiter& limiter = filled_limiter();
  Random random(state.thread_index());
  TimePoint now = Clock::now();
  for (auto _ : state) {
    now += std::chrono::microseconds(1);
    benchmark::DoNotOptimize(limiter.decide(Address(random.below(callers)).view(), now));
  }
}

void bench_rate_limit_in_turn(benchmark::State& state) {
  control::RateLimiter& limiter = filled_limiter();
  Random random(state.thread_index());
  TimePoint now = Clock::now();
  std::uint64_t before = 0;
  for (auto _ : state) {
    now += std::chrono::microseconds(1);
    const Address caller(random.below(callers - 1) + (before & 1));
    before = limiter.decide(caller.view(), now).word;
  }
  benchmark::DoNotOptimize(before);
}

BENCHMARK(bench_random_update_in_turn)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(bench_rate_limit_in_turn)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(bench_random_update)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(bench_rate_limit)->Threads(1)->Threads(2)->UseRealTime();

}  // namespace
}  // namespace weir
