// One decision of a rate limit with a million callers and two threads, against a random
// read-modify-write in a table of that size: most of both is waiting for memory.
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

// As CallerKey has an IPv4 address.
struct Address {
  char bytes[6] = {0, 4};
  explicit Address(std::uint64_t n) noexcept { std::memcpy(bytes + 2, &n, 4); }
  std::string_view view() const noexcept { return {bytes, sizeof bytes}; }
};

void bench_rate_limit(benchmark::State& state) {
  static control::RateLimiter limiter({.tokens = 50, .burst = 100, .max_keys = callers});
  static const bool filled = [] {
    for (std::uint64_t n = 0; n < callers; ++n) limiter.decide(Address(n).view(), Clock::now());
    return true;
  }();
  benchmark::DoNotOptimize(filled);
  Random random(state.thread_index());
  TimePoint now = Clock::now();
  for (auto _ : state) {
    now += std::chrono::microseconds(1);
    benchmark::DoNotOptimize(limiter.decide(Address(random.below(callers)).view(), now));
  }
}

BENCHMARK(bench_random_update)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(bench_rate_limit)->Threads(1)->Threads(2)->UseRealTime();

}  // namespace
}  // namespace weir
