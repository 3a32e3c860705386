#include "weir/control/gcra.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace weir::control {
namespace {

using namespace std::chrono_literals;
using Wide = __int128;

struct Limit {
  std::uint64_t tokens;
  Duration period;
  std::uint64_t burst;

  // The nanoseconds by which a token may come at another time than it should.
  int slack() const { return std::gcd(tokens, period.count()) * 8 < tokens ? 1 : 0; }
  std::string name() const {
    return std::to_string(tokens) + " per " + std::to_string(period.count()) + " ns, burst " +
           std::to_string(burst);
  }
};

// Rates that a nanosecond divides and rates that it does not, from one an hour to a token each
// nanosecond.
const std::vector<Limit> limits{
    {1, 1h, 1},
    {1, 1h, 100},
    {7, 1h, 3},
    {11, 1h, 11},
    {100000, 1h, 27},
    {1, 1min, 5},
    {1000, 1min, 16},
    {997, 1min, 1},
    {1, 1s, 1},
    {3, 1s, 3},
    {7, 1s, 1},
    {11, 1s, 11},
    {50, 1s, 100},
    {99, 1s, 1},
    {1000, 1s, 1},
    {999'983, 1s, 1},
    {999'983, 1s, 50'000},
    {1'000'000, 1s, 1},
    {1'000'000, 1s, 1'000'000},
    {999'999'937, 1s, 9},
    {1'000'000'000, 1s, 4},
};

TimePoint at_ns(std::int64_t ns) { return TimePoint(Duration(ns)); }

// The bucket as it is defined, in whole numbers: a nanosecond brings `tokens` drops, a token is
// `period` drops.
class PlainBucket {
 public:
  explicit PlainBucket(const Limit& limit)
      : per_ns_(static_cast<Wide>(limit.tokens)),
        token_(limit.period.count()),
        most_(static_cast<Wide>(limit.burst) * limit.period.count()),
        drops_(most_) {}

  void pass(std::int64_t now) {
    if (now > now_) {
      drops_ = std::min(most_, drops_ + per_ns_ * (now - now_));
      now_ = now;
    }
  }
  // `early`: in so many nanoseconds from now.
  bool has(std::uint64_t tokens, int early = 0) const {
    return drops_ + early * per_ns_ >= static_cast<Wide>(tokens) * token_;
  }
  void take(std::uint64_t tokens) { drops_ -= static_cast<Wide>(tokens) * token_; }
  std::uint64_t whole() const { return static_cast<std::uint64_t>(drops_ / token_); }

 private:
  Wide per_ns_, token_, most_, drops_;
  std::int64_t now_ = 0;
};

// No window holds more than burst + rate * its length. `passed` are moments in ascending order.
void expect_bounded(const Limit& limit, const std::vector<std::int64_t>& passed) {
  for (std::size_t i = 0; i < passed.size(); ++i) {
    for (std::size_t j = i; j < passed.size(); ++j) {
      const Wide over = static_cast<Wide>(j - i + 1) - static_cast<Wide>(limit.burst);
      ASSERT_LE(over * limit.period.count(),
                static_cast<Wide>(limit.tokens) * (passed[j] - passed[i] + limit.slack()))
          << "from pass " << i << " to " << j;
    }
  }
}

// Steps around the time of a token: bursts, waits, and long silences.
std::int64_t some_step(const Limit& limit, std::mt19937_64& random) {
  const std::int64_t token =
      std::max<std::int64_t>(1, limit.period.count() / static_cast<std::int64_t>(limit.tokens));
  switch (random() % 8) {
    case 0:
    case 1:
    case 2:
      return 0;
    case 3:
      return 1;
    case 4:
      return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(token + 1));
    case 5:
      return token;
    case 6:
      return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(3 * token + 1));
    default:
      return random() % 50 == 0 ? static_cast<std::int64_t>(limit.burst + 2) * (token + 1)
                                : token / 2;
  }
}

TEST(Gcra, DecidesLikeThePlainBucket) {
  std::mt19937_64 random(1);
  for (const Limit& limit : limits) {
    SCOPED_TRACE(limit.name());
    const Gcra gcra(limit.tokens, limit.period, limit.burst);
    for (int run = 0; run < 10; ++run) {
      PlainBucket plain(limit);
      Gcra::Word word = 0;
      auto now = static_cast<std::int64_t>(random() % 1'000'000'000'000'000);
      plain.pass(now);
      for (int step = 0; step < 1000; ++step) {
        now += some_step(limit, random);
        plain.pass(now);
        const std::uint64_t cost = random() % 4 == 0 ? 1 + random() % limit.burst : 1;
        const Gcra::Word before = word;
        if (gcra.take(word, gcra.at(at_ns(now)), cost)) {
          ASSERT_TRUE(plain.has(cost, limit.slack())) << "too early at " << now;
          ASSERT_GT(word, before);
          plain.take(cost);
        } else {
          ASSERT_EQ(word, before);
          if (plain.has(cost)) {
            ASSERT_TRUE(gcra.take(word, gcra.at(at_ns(now + 1)), cost))
                << "more than a nanosecond late at " << now;
            plain.take(cost);
          }
        }
        const std::uint64_t left = gcra.view(word, gcra.at(at_ns(now))).left;
        ASSERT_LE(left, plain.whole() + 1);
        ASSERT_GE(left + 1, plain.whole());
      }
    }
  }
}

TEST(Gcra, BoundsEveryWindowWhateverTheOrderOfTime) {
  std::mt19937_64 random(2);
  for (const Limit& limit : limits) {
    SCOPED_TRACE(limit.name());
    const Gcra gcra(limit.tokens, limit.period, limit.burst);
    const std::int64_t token = limit.period.count() / static_cast<std::int64_t>(limit.tokens);
    std::vector<std::int64_t> passed;
    Gcra::Word word = 0;
    std::int64_t now = 1'000'000'000'000;
    while (passed.size() < 500 && now < 1'000'000'000'000 + 2000 * (token + 1)) {
      now += some_step(limit, random);
      // Another worker's clock, behind or ahead by some tokens.
      const std::int64_t its_now =
          now + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(8 * token + 8)) -
          4 * token;
      if (gcra.take(word, gcra.at(at_ns(its_now)), 1)) passed.push_back(its_now);
    }
    std::ranges::sort(passed);
    expect_bounded(limit, passed);
  }
}

TEST(Gcra, GivesWhatIsDueUnderSteadyDemand) {
  for (const Limit& limit : limits) {
    SCOPED_TRACE(limit.name());
    const Gcra gcra(limit.tokens, limit.period, limit.burst);
    Gcra::Word word = 0;
    const std::int64_t start = 987'654'321'012'345;
    const Wide period = limit.period.count();
    const Wide tokens = static_cast<Wide>(limit.tokens);
    Wide passed = 0;
    while (passed < static_cast<Wide>(limit.burst) && gcra.take(word, gcra.at(at_ns(start)), 1)) {
      ++passed;
    }
    EXPECT_EQ(passed, static_cast<Wide>(limit.burst)) << "a full bucket gives all at once";
    // Somebody asks whenever a token may have come, and a nanosecond later.
    for (Wide n = 1; n <= 20'000; ++n) {
      const auto due = static_cast<std::int64_t>((n * period + tokens - 1) / tokens);
      for (const std::int64_t now : {due, due + 1}) {
        if (gcra.take(word, gcra.at(at_ns(start + now)), 1)) ++passed;
        ASSERT_LE(passed, static_cast<Wide>(limit.burst) + (now + limit.slack()) * tokens / period);
      }
      if (limit.burst > 1) {
        ASSERT_GE(passed, static_cast<Wide>(limit.burst) + due * tokens / period - 1)
            << "token " << static_cast<long>(n);
      }
    }
  }
}

TEST(Gcra, TellsWhatIsLeftAndWhenMoreComes) {
  const Gcra gcra(2, 1s, 4);
  Gcra::Word word = 0;
  const TimePoint start = at_ns(5'000'000'000);
  EXPECT_EQ(gcra.view(word, gcra.at(start)).left, 4u);
  EXPECT_EQ(gcra.view(word, gcra.at(start)).grows, 0s);
  struct Row {
    bool taken;
    std::uint64_t left;
    Duration grows, full;
  };
  const std::vector<Row> rows{{true, 3, 500ms, 500ms},
                              {true, 2, 500ms, 1s},
                              {true, 1, 500ms, 1500ms},
                              {true, 0, 500ms, 2s},
                              {false, 0, 500ms, 2s}};
  for (const Row& row : rows) {
    EXPECT_EQ(gcra.take(word, gcra.at(start), 1), row.taken);
    const Gcra::View view = gcra.view(word, gcra.at(start));
    EXPECT_EQ(view.left, row.left);
    EXPECT_EQ(view.grows, row.grows);
    EXPECT_EQ(view.full, row.full);
  }
  EXPECT_EQ(gcra.view(word, gcra.at(start + 200ms)).grows, 300ms);
  EXPECT_FALSE(gcra.take(word, gcra.at(start + 500ms - 1ns), 1));
  EXPECT_TRUE(gcra.take(word, gcra.at(start + 500ms), 1));
  EXPECT_EQ(gcra.view(word, gcra.at(start - 10s)).left, 0u) << "a clock that is behind";
}

TEST(Gcra, CostsMore) {
  const Gcra gcra(1, 1s, 10);
  Gcra::Word word = 0;
  const Gcra::Moment now = gcra.at(at_ns(0));
  EXPECT_TRUE(gcra.take(word, now, 6));
  EXPECT_FALSE(gcra.take(word, now, 6));
  EXPECT_TRUE(gcra.take(word, now, 4));
  EXPECT_FALSE(gcra.take(word, now, 1));
  EXPECT_TRUE(gcra.take(word, gcra.at(at_ns(10'000'000'000)), 10));
}

TEST(Gcra, KnowsItsBounds) {
  EXPECT_TRUE(Gcra::possible(1, 1h, 8760));
  EXPECT_FALSE(Gcra::possible(1, 1h, 8761));
  EXPECT_TRUE(Gcra::possible(1'000'000'000, 1s, 1'000'000'000));
  EXPECT_FALSE(Gcra::possible(1'000'000'001, 1s, 1));
  EXPECT_FALSE(Gcra::possible(0, 1s, 1));
  EXPECT_FALSE(Gcra::possible(1, 1s, 0));
  EXPECT_FALSE(Gcra::possible(1, 0s, 1));
}

TEST(Gcra, NeverOverflows) {
  for (const Limit& limit : {Limit{1, 1h, 8760}, Limit{7, 1h, 61320}, Limit{8, 1s, 252'288'000},
                             Limit{999'999'937, 1s, 1'000'000'000}}) {
    SCOPED_TRACE(limit.name());
    ASSERT_TRUE(Gcra::possible(limit.tokens, limit.period, limit.burst));
    const Gcra gcra(limit.tokens, limit.period, limit.burst);
    for (const TimePoint now : {TimePoint::min(), at_ns(-1), at_ns(0), at_ns(1LL << 59),
                                at_ns(1LL << 60), TimePoint::max()}) {
      Gcra::Word word = 0;
      EXPECT_TRUE(gcra.take(word, gcra.at(now), limit.burst));
      EXPECT_FALSE(gcra.take(word, gcra.at(now), 1));
      EXPECT_EQ(gcra.view(word, gcra.at(now)).left, 0u);
      EXPECT_FALSE(gcra.full(word, gcra.at(now)));
      EXPECT_LE(gcra.view(word, gcra.at(now)).full, Gcra::longest_fill + 1s);
    }
  }
}

TEST(Gcra, IsFullAgain) {
  const Gcra gcra(11, 1s, 22);
  Gcra::Word word = 0;
  EXPECT_TRUE(gcra.full(word, gcra.at(at_ns(0)), 1s));
  const TimePoint start = at_ns(1'000'000'000);
  EXPECT_TRUE(gcra.take(word, gcra.at(start), 22));
  EXPECT_FALSE(gcra.full(word, gcra.at(start + 2s - 1ns)));
  EXPECT_TRUE(gcra.full(word, gcra.at(start + 2s + 1ns)));
  EXPECT_FALSE(gcra.full(word, gcra.at(start + 2s + 1ns), 1s));
  EXPECT_TRUE(gcra.full(word, gcra.at(start + 12s), 1s));
}

}  // namespace
}  // namespace weir::control
