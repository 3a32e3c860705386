#include "weir/telemetry/occasional.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace weir::telemetry::log {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

struct Lines {
  std::vector<std::string> all;
  Occasional occasional{[this](Level, std::string_view message, std::span<const Field> fields) {
    std::string line(message);
    for (const Field& field : fields) {
      line += ' ';
      line += field.key;
      line += '=';
      if (const auto* text = std::get_if<std::string_view>(&field.value)) line += *text;
      if (const auto* n = std::get_if<std::uint64_t>(&field.value)) line += std::to_string(*n);
    }
    all.push_back(line);
  }};

  void fail(TimePoint now, std::string_view upstream, std::string_view error,
            std::string_view endpoint = "e") {
    occasional.tell(now, Level::warn, "connect failed", {{"upstream", upstream}, {"error", error}},
                    {{"endpoint", endpoint}});
  }
  std::vector<std::string> take() { return std::exchange(all, {}); }
};

constexpr TimePoint start{1h};

TEST(Occasional, TellsTheFirstAtOnceAndThenACountAMinute) {
  Lines lines;
  lines.fail(start, "a", "ECONNREFUSED", "1");
  EXPECT_THAT(lines.take(), ElementsAre("connect failed upstream=a error=ECONNREFUSED endpoint=1"));
  for (int i = 0; i < 57; ++i) lines.fail(start + 1s, "a", "ECONNREFUSED", "2");
  lines.occasional.tell_counts(start + 60s - 1ns);
  EXPECT_THAT(lines.take(), IsEmpty());
  lines.occasional.tell_counts(start + 60s);
  EXPECT_THAT(lines.take(),
              ElementsAre("connect failed upstream=a error=ECONNREFUSED endpoint=2 times=57"));
  lines.fail(start + 61s, "a", "ECONNREFUSED", "3");
  EXPECT_THAT(lines.take(), IsEmpty());
  lines.occasional.tell_counts(start + 120s);
  EXPECT_THAT(lines.take(),
              ElementsAre("connect failed upstream=a error=ECONNREFUSED endpoint=3 times=1"));
}

TEST(Occasional, AfterAQuietMinuteTheNextIsAFirstAgain) {
  Lines lines;
  lines.fail(start, "a", "x");
  lines.occasional.tell_counts(start + 60s);
  EXPECT_THAT(lines.take(), SizeIs(1));
  lines.fail(start + 61s, "a", "x");
  EXPECT_THAT(lines.take(), SizeIs(1));
}

TEST(Occasional, KindsAreToldApartByTheirFields) {
  Lines lines;
  lines.fail(start, "a", "x");
  lines.fail(start, "a", "y");
  lines.fail(start, "b", "x");
  lines.fail(start, "ax", "");
  EXPECT_THAT(lines.take(), SizeIs(4));
  lines.fail(start, "a", "x", "another endpoint");
  EXPECT_THAT(lines.take(), IsEmpty());
}

TEST(Occasional, TheTableIsBoundedAndWhatIsBeyondIsCounted) {
  Lines lines;
  for (std::size_t i = 0; i < Occasional::most_kinds + 500; ++i) {
    lines.fail(start, "a", std::to_string(i));
  }
  EXPECT_THAT(lines.take(), SizeIs(Occasional::most_kinds));
  std::vector<std::string> told;
  lines.occasional.tell_counts(start + 60s);
  EXPECT_THAT(lines.take(), ElementsAre("further failures times=500"));
  // Those of the table had a quiet minute and are gone: there is room again.
  lines.fail(start + 60s, "a", "new");
  EXPECT_THAT(lines.take(), SizeIs(1));
}

TEST(Occasional, CountsOfManyKindsAreWrittenAFewAtATimeAndNoneIsLost) {
  Lines lines;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 200; ++i) lines.fail(start, "a", std::to_string(i));
  }
  EXPECT_THAT(lines.take(), SizeIs(200));
  std::size_t told = 0;
  for (int i = 0; i < 10; ++i) {
    lines.occasional.tell_counts(start + 60s);
    const std::size_t some = lines.take().size();
    EXPECT_LE(some, 64u);
    told += some;
  }
  EXPECT_EQ(told, 200u);
}

TEST(Occasional, LongValuesAreCut) {
  Lines lines;
  lines.fail(start, std::string(10'000, 'u'), std::string(10'000, 'e'), std::string(10'000, 'x'));
  lines.fail(start, std::string(10'000, 'u'), std::string(10'000, 'e'), std::string(10'000, 'x'));
  lines.take();
  lines.occasional.tell_all_counts();
  const auto told = lines.take();
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_LT(told[0].size(), 4 * Occasional::longest_value);
}

TEST(Occasional, EndTellsAllCounts) {
  Lines lines;
  lines.fail(start, "a", "x");
  lines.fail(start, "a", "x");
  lines.take();
  lines.occasional.tell_all_counts();
  EXPECT_THAT(lines.take(), ElementsAre("connect failed upstream=a error=x endpoint=e times=1"));
}

TEST(Occasional, ManyThreadsLoseNoCount) {
  std::atomic<std::uint64_t> firsts{0};
  std::atomic<std::uint64_t> counted{0};
  Occasional occasional([&](Level, std::string_view, std::span<const Field> fields) {
    const auto* times = std::get_if<std::uint64_t>(&fields.back().value);
    if (times != nullptr) {
      counted += *times;
    } else {
      ++firsts;
    }
  });
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) {
          occasional.tell(start, Level::info, "m", {{"k", i % 7 == 0 ? "a" : "b"}}, {{"x", "y"}});
        }
      });
    }
  }
  occasional.tell_all_counts();
  EXPECT_EQ(firsts, 2u);
  EXPECT_EQ(firsts + counted, 4000u);
}

}  // namespace
}  // namespace weir::telemetry::log
