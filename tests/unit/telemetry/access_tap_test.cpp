#include "weir/telemetry/access_tap.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace weir::telemetry {
namespace {

AccessRecord record(std::string_view path, std::string_view query = "") {
  AccessRecord made;
  made.started = Clock::now();
  made.path = path;
  made.query = query;
  made.status = 200;
  return made;
}

std::string taken(AccessWatch& watch) {
  std::string lines = "what was there before";
  EXPECT_EQ(watch.take(lines), 0U);
  return lines;
}

std::ptrdiff_t count_of(const std::string& lines) { return std::ranges::count(lines, '\n'); }

TEST(AccessTap, IsWatchedWhileThereIsAWatcher) {
  AccessTap tap(1);
  EXPECT_FALSE(tap.is_watched());
  auto a = tap.watch();
  auto b = tap.watch();
  EXPECT_TRUE(tap.is_watched());
  a.reset();
  EXPECT_TRUE(tap.is_watched());
  b.reset();
  EXPECT_FALSE(tap.is_watched());
}

TEST(AccessTap, EachWatcherSeesWhatEndsFromNowOn) {
  AccessTap tap(2);
  const auto early = tap.watch();
  tap.show(0, {}, record("/a"));
  const auto late = tap.watch();
  tap.show(1, {}, record("/b"));
  const std::string lines = taken(*early);
  EXPECT_EQ(count_of(lines), 2);
  EXPECT_LT(lines.find(R"("path":"/a")"), lines.find(R"("path":"/b")"));
  EXPECT_EQ(count_of(taken(*late)), 1);
  EXPECT_EQ(taken(*early), "");
}

TEST(AccessTap, LinesAreJsonWithTheQueryThatThePolicyLets) {
  AccessTap tap(1);
  const auto watch = tap.watch();
  AccessPolicy policy;
  policy.on = false;
  policy.sample = 0;
  policy.format = config::AccessLogFormat::combined;
  policy.query = config::QueryPolicy::redact;
  tap.show(0, policy, record("/a", "token=secret"));
  const std::string lines = taken(*watch);
  EXPECT_TRUE(lines.starts_with(R"({"time":")")) << lines;
  EXPECT_NE(lines.find(R"("query":"token=REDACTED")"), std::string::npos) << lines;
}

TEST(AccessTap, TakesNoMoreThanSoManyWatchers) {
  AccessTap tap(1);
  std::vector<std::unique_ptr<AccessWatch>> all;
  for (std::size_t i = 0; i < AccessTap::most_watchers; ++i) {
    all.push_back(tap.watch());
    ASSERT_TRUE(all.back());
  }
  EXPECT_FALSE(tap.watch());
  all.pop_back();
  EXPECT_TRUE(tap.watch());
}

TEST(AccessTap, ASlowWatcherLosesTheNewestAndIsToldHowMany) {
  AccessTap tap(1);
  const auto slow = tap.watch();
  const auto quick = tap.watch();
  const std::string path(1000, 'a');
  std::string lines;
  std::uint64_t seen = 0;
  constexpr std::uint64_t shown = 2000;
  for (std::uint64_t i = 0; i < shown; ++i) {
    tap.show(0, {}, record(path));
    EXPECT_EQ(quick->take(lines), 0U);
    seen += static_cast<std::uint64_t>(count_of(lines));
  }
  EXPECT_EQ(seen, shown);
  const std::uint64_t lost = slow->take(lines);
  EXPECT_LE(lines.size(), AccessTap::queue_bytes);
  EXPECT_GT(lines.size(), AccessTap::queue_bytes / 2);
  EXPECT_TRUE(lines.ends_with("}\n"));
  EXPECT_EQ(static_cast<std::uint64_t>(count_of(lines)) + lost, shown);
  // Told once, and it goes on.
  tap.show(0, {}, record("/after"));
  EXPECT_NE(taken(*slow).find("/after"), std::string::npos);
}

TEST(AccessTap, ShortLinesDoNotOvertakeLostOnes) {
  AccessTap tap(1);
  const auto watch = tap.watch();
  const std::string path(2000, 'a');
  for (int i = 0; i < 1000; ++i) tap.show(0, {}, record(path));
  tap.show(0, {}, record("/short"));
  std::string lines;
  EXPECT_GT(watch->take(lines), 1U);
  EXPECT_EQ(lines.find("/short"), std::string::npos);
}

TEST(AccessTap, AWatcherMayOutliveIt) {
  std::optional<AccessTap> tap(1);
  const auto watch = tap->watch();
  tap->show(0, {}, record("/a"));
  tap.reset();
  EXPECT_EQ(count_of(taken(*watch)), 1);
  EXPECT_EQ(taken(*watch), "");
}

TEST(AccessTap, WorkersAndWatchersMeetWithoutLoss) {
  constexpr unsigned workers = 3;
  constexpr int each = 300;
  AccessTap tap(workers);
  const auto watch = tap.watch();
  std::atomic<unsigned> done{0};
  std::vector<std::jthread> threads;
  for (unsigned worker = 0; worker < workers; ++worker) {
    threads.emplace_back([&, worker] {
      for (int i = 0; i < each; ++i) {
        if (tap.is_watched()) tap.show(worker, {}, record("/a"));
        if (i % 50 == 0) tap.watch();  // comes and goes
      }
      ++done;
    });
  }
  std::ptrdiff_t seen = 0;
  std::uint64_t lost = 0;
  std::string lines;
  for (bool last = false; !last;) {
    last = done == workers;
    lost += watch->take(lines);
    seen += count_of(lines);
  }
  EXPECT_EQ(seen, workers * each);
  EXPECT_EQ(lost, 0U);
}

}  // namespace
}  // namespace weir::telemetry
