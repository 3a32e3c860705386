#include "weir/control/exact_share.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>
#include <vector>

namespace weir::control {
namespace {

// How many of each priority came and were picked.
struct PickedCounts {
  std::array<int, priority_count> came{};
  std::array<int, priority_count> picked{};

  void take(ExactShare& share, Priority priority) {
    ++came[static_cast<std::size_t>(priority)];
    if (share.pick(priority)) ++picked[static_cast<std::size_t>(priority)];
  }
  int all() const { return came[0] + came[1] + came[2] + came[3]; }
  int all_picked() const { return picked[0] + picked[1] + picked[2] + picked[3]; }
};

// Shares in percent of low, normal, high; the rest is critical.
struct PriorityMix {
  int low;
  int normal;
  int high;

  Priority draw(std::mt19937_64& random) const {
    const int at = static_cast<int>(random() % 100);
    if (at < low) return Priority::low;
    if (at < low + normal) return Priority::normal;
    return at < low + normal + high ? Priority::high : Priority::critical;
  }
};

TEST(ExactShare, WithOnePriorityItIsNeverTwoOff) {
  for (const Priority priority : {Priority::low, Priority::normal, Priority::high}) {
    for (const double wanted : {0.01, 0.15, 0.5, 0.99, 1.0}) {
      SCOPED_TRACE(wanted);
      ExactShare share(wanted, 3);
      PickedCounts counts;
      for (int n = 1; n <= 20'000; ++n) {
        counts.take(share, priority);
        ASSERT_LT(std::abs(counts.all_picked() - n * wanted), 2.0) << n;
      }
    }
  }
}

TEST(ExactShare, CriticalIsNeverPicked) {
  ExactShare share(1, 3);
  for (int n = 0; n < 1000; ++n) ASSERT_FALSE(share.pick(Priority::critical));
  // What could not be picked meanwhile does not come all at once.
  PickedCounts counts;
  for (int n = 0; n < 1000; ++n) {
    counts.take(share, n % 2 == 0 ? Priority::critical : Priority::low);
  }
  EXPECT_EQ(counts.picked[0], 500);
}

// 15 % of all, and whom that meets.
TEST(ExactShare, LowestFirst) {
  struct Row {
    PriorityMix mix;
    // Of those that came, in percent: at least and at most.
    std::array<std::array<double, 2>, 3> picked;
  };
  const Row rows[] = {
      {{100, 0, 0}, {{{14.9, 15.1}, {0, 0}, {0, 0}}}},
      {{0, 100, 0}, {{{0, 0}, {14.9, 15.1}, {0, 0}}}},
      // low has enough
      {{50, 50, 0}, {{{29, 31}, {0, 0.05}, {0, 0}}}},
      {{25, 50, 25}, {{{58, 62}, {0, 0.05}, {0, 0}}}},
      // low has not: all of it, the rest is normal's
      {{5, 95, 0}, {{{99, 100}, {9.5, 11.5}, {0, 0}}}},
      {{10, 45, 45}, {{{99, 100}, {10, 12.5}, {0, 0.05}}}},
      // nor has normal
      {{5, 5, 90}, {{{99, 100}, {99, 100}, {5, 6.2}}}},
      // critical ones count, and what they cannot give is taken from the others
      {{0, 50, 0}, {{{0, 0}, {29, 31}, {0, 0}}}},
      {{20, 0, 0}, {{{73, 77}, {0, 0}, {0, 0}}}},
  };
  std::mt19937_64 random(5);
  for (const Row& row : rows) {
    SCOPED_TRACE(testing::Message() << row.mix.low << " " << row.mix.normal << " " << row.mix.high);
    ExactShare share(0.15, 8);
    for (std::size_t n = 0; n < ExactShare::remembered; ++n) share.note(row.mix.draw(random));
    PickedCounts counts;
    for (int n = 0; n < 100'000; ++n) counts.take(share, row.mix.draw(random));
    EXPECT_LT(std::abs(counts.all_picked() - 0.15 * counts.all()), ExactShare::slack + 2);
    for (std::size_t i = 0; i < 3; ++i) {
      if (counts.came[i] == 0) continue;
      const double percent = 100.0 * counts.picked[i] / counts.came[i];
      EXPECT_GE(percent, row.picked[i][0]) << i;
      EXPECT_LE(percent, row.picked[i][1]) << i;
    }
  }
}

TEST(ExactShare, FewerWhereTooManyAreCritical) {
  std::mt19937_64 random(6);
  ExactShare share(0.5, 1);
  const PriorityMix mix{10, 10, 10};
  for (std::size_t n = 0; n < ExactShare::remembered; ++n) share.note(mix.draw(random));
  PickedCounts counts;
  for (int n = 0; n < 20'000; ++n) counts.take(share, mix.draw(random));
  EXPECT_EQ(counts.picked[0], counts.came[0]);
  EXPECT_EQ(counts.picked[1], counts.came[1]);
  EXPECT_EQ(counts.picked[2], counts.came[2]);
  EXPECT_EQ(counts.picked[3], 0);
}

// Whatever comes, in whatever order, the number is kept, as long as there are enough to pick from.
TEST(ExactShare, TheNumberHoldsWhateverTheMixDoes) {
  std::mt19937_64 random(9);
  for (int row = 0; row < 40; ++row) {
    SCOPED_TRACE(row);
    const double wanted = std::uniform_real_distribution<double>(0.02, 0.6)(random);
    ExactShare share(wanted, random());
    PickedCounts counts;
    PriorityMix mix{};
    for (int n = 1; n <= 20'000; ++n) {
      if (n % 700 == 1) {
        // Nobody critical.
        mix.low = static_cast<int>(random() % 101);
        mix.normal = static_cast<int>(random() % static_cast<unsigned>(101 - mix.low));
        mix.high = 100 - mix.low - mix.normal;
      }
      counts.take(share, mix.draw(random));
      ASSERT_LT(std::abs(counts.all_picked() - n * wanted), ExactShare::slack + 2.0) << n;
    }
  }
}

TEST(ExactShare, RestartForgetsWhatIsDue) {
  ExactShare share(0.5, 3);
  for (int n = 0; n < 100; ++n) share.pick(Priority::critical);
  // Now there are enough of low: high stands in for it only when much is due.
  for (std::size_t n = 0; n < ExactShare::remembered; ++n) share.note(Priority::low);
  ExactShare as_before = share;
  share.restart();
  EXPECT_TRUE(as_before.pick(Priority::high));
  EXPECT_FALSE(share.pick(Priority::high));
}

}  // namespace
}  // namespace weir::control
