#include "weir/control/adaptive_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

namespace weir::control {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint order_start = TimePoint() + 1h;

TEST(AdaptiveOrder, TurnsWhenTheOldestWaitsLongAllTheTime) {
  struct Look {
    Duration at;
    Duration oldest;  // since when it waits; negative: nobody waits
    bool newest_first;
  };
  struct Row {
    const char* name;
    std::vector<Look> looks;
  };
  constexpr Duration nobody = -1s;
  const Row rows[] = {
      {"nobody waits", {{0s, nobody, false}, {10s, nobody, false}}},
      {"a short wait", {{0s, 0s, false}, {100ms, 0s, false}}},
      {"a long one, not yet for 100 ms", {{0s, 0s, false}, {199ms, 0s, false}}},
      {"a long one for 100 ms", {{0s, 0s, false}, {150ms, 0s, false}, {200ms, 0s, true}}},
      {"nobody has looked meanwhile", {{0s, 0s, false}, {5s, 0s, true}}},
      {"others have waited as long",
       {{0s, 0s, false}, {150ms, 20ms, false}, {180ms, 70ms, false}, {220ms, 110ms, true}}},
      {"a short one between",
       {{0s, 0s, false}, {150ms, 0s, false}, {160ms, 90ms, false}, {250ms, 90ms, false}}},
      {"until nobody waits",
       {{0s, 0s, false},
        {200ms, 0s, true},
        {210ms, 205ms, true},
        {220ms, nobody, false},
        {230ms, 225ms, false}}},
  };
  for (const Row& row : rows) {
    AdaptiveOrder order(100ms);
    for (const Look& look : row.looks) {
      order.look(order_start + look.at,
                 look.oldest < 0s ? TimePoint::max() : order_start + look.oldest);
      EXPECT_EQ(order.newest_first(), look.newest_first) << row.name << ", " << look.at.count();
    }
  }
}

// Looks at all that ever happened.
class SlowOrder {
 public:
  void look(TimePoint now, TimePoint oldest) { looks_.emplace_back(now, oldest); }
  bool newest_first() const {
    bool newest = false;
    std::vector<TimePoint> long_since;  // of all looks in a row at which it was so
    for (const auto& [now, oldest] : looks_) {
      if (oldest == TimePoint::max()) newest = false;
      if (oldest == TimePoint::max() || now - oldest <= 100ms) {
        long_since.clear();
        continue;
      }
      long_since.push_back(oldest + 100ms);
      newest = newest || now - *std::ranges::min_element(long_since) >= 100ms;
    }
    return newest;
  }

 private:
  std::vector<std::pair<TimePoint, TimePoint>> looks_;
};

TEST(AdaptiveOrder, IsThatOfASlowModel) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    AdaptiveOrder order(100ms);
    SlowOrder model;
    std::deque<TimePoint> queue;
    TimePoint now = order_start;
    for (int step = 0; step < 150; ++step) {
      now += std::chrono::milliseconds(random() % 40);
      while (!queue.empty() && now - queue.front() > 1s) queue.pop_front();
      const auto event = random() % 10;
      if (event < 4 + seed % 3) {
        queue.push_back(now);
      } else if (!queue.empty()) {
        order.newest_first() ? queue.pop_back() : queue.pop_front();
      }
      const TimePoint oldest = queue.empty() ? TimePoint::max() : queue.front();
      order.look(now, oldest);
      model.look(now, oldest);
      ASSERT_EQ(order.newest_first(), model.newest_first()) << "seed " << seed << " step " << step;
    }
  }
}

}  // namespace
}  // namespace weir::control
