#include "weir/net/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <vector>

namespace weir::net {
namespace {

using namespace std::chrono_literals;

const TimePoint start{1000s};

class Recorded final : public Timer {
 public:
  std::optional<TimePoint> fired;

 private:
  void expire(TimePoint now) noexcept override { fired = now; }
};

// How late a timer of this distance may be, as the header promises, with a tick of rounding.
Duration lateness(Duration distance) { return 2 * TimerWheel::tick + distance / 64; }

TEST(TimerWheel, FiresNeitherEarlyNorLate) {
  const Duration distances[] = {0ms, 1ms, 4ms, 5ms,   255ms, 256ms, 257ms, 1s,
                                16s, 17s, 75s, 1049s, 3h,    18h,   19h,   40h};
  for (const Duration distance : distances) {
    TimerWheel wheel(start);
    Recorded timer;
    wheel.schedule(timer, start + distance);
    TimePoint now = start;
    while (!timer.fired && now < start + 50h) {
      const TimePoint next = wheel.next_event();
      ASSERT_NE(next, no_deadline);
      ASSERT_GT(next, now);
      now = next;
      wheel.advance(now);
    }
    ASSERT_TRUE(timer.fired);
    EXPECT_GE(*timer.fired, start + distance);
    EXPECT_LE(*timer.fired, start + distance + lateness(distance)) << distance.count();
    EXPECT_TRUE(wheel.empty());
    EXPECT_FALSE(timer.scheduled());
  }
}

TEST(TimerWheel, AgreesWithAPlainModel) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 30; ++round) {
    TimerWheel wheel(start);
    struct Entry {
      Recorded timer;
      std::optional<TimePoint> due;
      Duration distance{};
    };
    std::vector<std::unique_ptr<Entry>> entries;
    for (int i = 0; i < 100; ++i) entries.push_back(std::make_unique<Entry>());
    TimePoint now = start;
    for (int step = 0; step < 600; ++step) {
      Entry& entry = *entries[random() % entries.size()];
      switch (random() % 5) {
        case 0:
          entry.timer.unschedule();
          entry.due.reset();
          break;
        case 1:
        case 2: {
          static constexpr Duration reach[] = {10ms, 300ms, 20s, 30min, 10h};
          entry.distance = Duration(static_cast<Duration::rep>(
              random() % static_cast<std::uint64_t>(reach[random() % 5].count())));
          entry.due = now + entry.distance;
          entry.timer.fired.reset();
          wheel.schedule(entry.timer, *entry.due);
          break;
        }
        default: {
          static constexpr Duration stride[] = {1ms, 7ms, 500ms, 1min};
          now += stride[random() % 4];
          wheel.advance(now);
          for (const auto& at : entries) {
            if (!at->due) {
              ASSERT_FALSE(at->timer.scheduled());
              continue;
            }
            if (at->timer.fired) {
              ASSERT_GE(*at->timer.fired, *at->due) << "early";
              at->due.reset();
              at->timer.fired.reset();
            } else {
              ASSERT_LT(now, *at->due + lateness(at->distance)) << "late";
              ASSERT_TRUE(at->timer.scheduled());
            }
          }
        }
      }
      const auto scheduled =
          std::ranges::count_if(entries, [](const auto& at) { return at->timer.scheduled(); });
      ASSERT_EQ(wheel.empty(), scheduled == 0);
    }
  }
}

TEST(TimerWheel, NextEventIsNeverAfterATimerThatIsDue) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 2000; ++round) {
    TimerWheel wheel(start);
    const TimePoint now = start + Duration(1ms) * (random() % 100'000);
    wheel.advance(now);
    Recorded timer;
    const auto distance = Duration(1ms) * (random() % (round % 2 == 0 ? 500 : 5'000'000));
    wheel.schedule(timer, now + distance);
    EXPECT_LE(wheel.next_event(), now + distance + lateness(distance));
  }
}

TEST(TimerWheel, MayBeScheduledAgainWhileItFires) {
  class Repeated final : public Timer {
   public:
    TimerWheel* wheel = nullptr;
    int times = 0;

   private:
    void expire(TimePoint now) noexcept override {
      if (++times < 5) wheel->schedule(*this, now + 10ms);
    }
  };
  TimerWheel wheel(start);
  Repeated timer;
  timer.wheel = &wheel;
  wheel.schedule(timer, start);
  for (Duration at = 1ms; at < 200ms; at += 1ms) wheel.advance(start + at);
  EXPECT_EQ(timer.times, 5);
}

TEST(TimerWheel, FiringMayEndAnother) {
  class Ender final : public Timer {
   public:
    std::unique_ptr<Recorded> other;

   private:
    void expire(TimePoint) noexcept override { other.reset(); }
  };
  TimerWheel wheel(start);
  Ender ender;
  ender.other = std::make_unique<Recorded>();
  wheel.schedule(ender, start + 10ms);
  wheel.schedule(*ender.other, start + 10ms);
  wheel.advance(start + 1s);
  EXPECT_TRUE(wheel.empty());
}

TEST(TimerWheel, DestroyedBeforeItsTimersLetsThemGo) {
  Recorded timer;
  {
    TimerWheel wheel(start);
    wheel.schedule(timer, start + 1h);
  }
  EXPECT_FALSE(timer.scheduled());
}

}  // namespace
}  // namespace weir::net
