#include "weir/telemetry/access_log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <thread>
#include <vector>

namespace weir::telemetry {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t small_ring = std::size_t{1} << 18;

class AccessLogTest : public testing::Test {
 protected:
  AccessLogTest() {
    std::string name = testing::TempDir() + "/weir_access_XXXXXX";
    folder = ::mkdtemp(name.data());
  }
  ~AccessLogTest() override { std::filesystem::remove_all(folder); }

  std::string path(std::string_view name) const { return (folder / name).string(); }
  LogTarget target(std::string_view name) const { return LogTarget::open(path(name)).value(); }
  std::vector<std::string> lines(std::string_view name) const {
    std::ifstream file(path(name));
    std::vector<std::string> all;
    for (std::string line; std::getline(file, line);) all.push_back(line);
    return all;
  }
  static void eventually(const char* what, const std::function<bool()>& happened) {
    const TimePoint end = Clock::now() + 10s;
    while (!happened()) {
      ASSERT_LT(Clock::now(), end) << "waited for: " << what;
      ::poll(nullptr, 0, 1);
    }
  }
  static AccessRecord record(std::string_view path_text) {
    AccessRecord made;
    made.started = Clock::now();
    made.path = path_text;
    made.status = 200;
    return made;
  }
  static AccessPolicy policy(double sample = 1, Duration slow = 1s) {
    config::AccessLog settings;
    settings.sample = sample;
    settings.slow = slow;
    return AccessPolicy(settings);
  }

  std::filesystem::path folder;
};

TEST_F(AccessLogTest, WritesWhatWasQueuedBeforeItStops) {
  AccessLog log(2, target("log"));
  log.write(0, policy(), record("/a"));
  log.write(1, policy(), record("/b"));
  log.stop();
  const auto written = lines("log");
  ASSERT_EQ(written.size(), 2U);
  EXPECT_NE(written[0].find(R"("path":"/a")"), std::string::npos);
  EXPECT_NE(written[1].find(R"("path":"/b")"), std::string::npos);
  EXPECT_EQ(log.dropped(), 0U);
}

TEST_F(AccessLogTest, WritesWithoutBeingStopped) {
  AccessLog log(1, target("log"));
  for (std::size_t i = 1; i <= 3; ++i) {
    log.write(0, policy(), record("/a"));
    eventually("the line", [&] { return lines("log").size() == i; });
  }
}

TEST_F(AccessLogTest, TheTimeIsTheWallClocks) {
  AccessLog log(1, target("log"));
  const auto before = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  log.write(0, policy(), record("/a"));
  log.stop();
  const std::string line = lines("log").at(0);
  int hour = 0;
  int minute = 0;
  int second = 0;
  ASSERT_EQ(std::sscanf(line.c_str(), "{\"time\":\"%*d-%*d-%*dT%d:%d:%d", &hour, &minute, &second),
            3);
  const auto of_day = before - std::chrono::floor<std::chrono::days>(before);
  const auto difference = std::chrono::seconds(hour * 3600 + minute * 60 + second) - of_day;
  EXPECT_TRUE(difference <= 2s || difference >= 24h - 2s) << line;
}

TEST_F(AccessLogTest, OffWritesNothing) {
  AccessLog log(1, LogTarget());
  config::AccessLog settings;
  settings.path = "off";
  EXPECT_FALSE(log.wants(0, AccessPolicy(settings), 500, Reason::internal, 9s));
  log.append(0, policy(), record("/a"));
  log.stop();
  EXPECT_EQ(log.dropped(), 0U);
}

TEST_F(AccessLogTest, ASampleIsExact) {
  AccessLog log(2, LogTarget());
  for (const auto& [share, of_thousand] : std::vector<std::pair<double, int>>{
           {0, 0}, {0.001, 1}, {0.3, 300}, {0.999, 999}, {1, 1000}}) {
    int taken = 0;
    for (int i = 0; i < 1000; ++i) {
      taken += log.wants(0, policy(share), 200, Reason::none, 1ms) ? 1 : 0;
      // What is always written does not use up the share, nor does another worker.
      EXPECT_TRUE(log.wants(0, policy(share), 500, Reason::none, 1ms));
      log.wants(1, policy(share), 200, Reason::none, 1ms);
    }
    EXPECT_EQ(taken, of_thousand) << share;
  }
}

TEST_F(AccessLogTest, WhatMattersIsWrittenWhateverTheSample) {
  AccessLog log(1, LogTarget());
  const AccessPolicy none = policy(0, 1s);
  EXPECT_FALSE(log.wants(0, none, 499, Reason::none, 1s));
  EXPECT_TRUE(log.wants(0, none, 500, Reason::none, 0s));
  EXPECT_TRUE(log.wants(0, none, 404, Reason::no_route, 0s));
  EXPECT_TRUE(log.wants(0, none, 200, Reason::none, 1s + 1ns));
  EXPECT_FALSE(log.wants(0, policy(0, 0s), 200, Reason::none, 1h)) << "0 is never slow";
}

TEST_F(AccessLogTest, AMovedFileIsOpenedAnewOnRequest) {
  AccessLog log(1, target("log"));
  log.write(0, policy(), record("/before"));
  eventually("the first line", [&] { return lines("log").size() == 1; });
  std::filesystem::rename(path("log"), path("log.1"));
  log.write(0, policy(), record("/between"));
  log.reopen();
  eventually("the new file", [&] { return std::filesystem::exists(path("log")); });
  log.write(0, policy(), record("/after"));
  log.stop();
  EXPECT_EQ(lines("log.1").size(), 2U);
  ASSERT_EQ(lines("log").size(), 1U);
  EXPECT_NE(lines("log")[0].find("/after"), std::string::npos);
}

TEST_F(AccessLogTest, AFileThatCannotBeOpenedAnewStays) {
  std::filesystem::create_directory(path("in"));
  AccessLog log(1, target("in/log"));
  std::filesystem::rename(path("in"), path("moved"));
  testing::internal::CaptureStderr();
  log.reopen();
  log.write(0, policy(), record("/a"));
  eventually("the line", [&] { return lines("moved/log").size() == 1; });
  log.stop();
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(log.dropped(), 0U);
}

TEST_F(AccessLogTest, ARedirectedLogGoesOnElsewhere) {
  AccessLog log(1, target("one"));
  log.write(0, policy(), record("/a"));
  log.redirect(target("two"));
  eventually("the first line", [&] { return lines("one").size() == 1; });
  eventually("lines in the other file", [&] {
    log.write(0, policy(), record("/b"));
    return !lines("two").empty();
  });
}

TEST_F(AccessLogTest, AnUnusableTargetIsSaidAtOnce) {
  const auto opened = LogTarget::open(path("missing/log"));
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().find("missing/log': No such file"), std::string::npos);
}

TEST_F(AccessLogTest, WritesThatFailAreDropsAndNoLineIsBroken) {
  testing::internal::CaptureStderr();
  AccessLog log(1, LogTarget::open("/dev/full").value());
  for (int i = 0; i < 10; ++i) log.write(0, policy(), record("/a"));
  log.stop();
  EXPECT_EQ(log.dropped(), 10U);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("No space left"), std::string::npos);
}

TEST_F(AccessLogTest, AReaderThatStallsCostsLinesNotTime) {
  std::array<int, 2> ends;
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  std::optional<AccessLog> log;
  log.emplace(1, LogTarget::open("/dev/fd/" + std::to_string(ends[1])).value(), small_ring);
  constexpr std::uint64_t count = 20'000;
  for (std::uint64_t i = 0; i < count; ++i) log->write(0, policy(), record("/a"));
  EXPECT_GT(log->dropped(), 0U);
  const TimePoint asked = Clock::now();
  log->stop();
  EXPECT_LT(Clock::now() - asked, 5s);
  const std::uint64_t dropped = log->dropped();
  log.reset();
  ::close(ends[1]);
  std::string text;
  std::array<char, 65536> part;
  for (ssize_t n; (n = ::read(ends[0], part.data(), part.size())) > 0;) {
    text.append(part.data(), static_cast<std::size_t>(n));
  }
  ::close(ends[0]);
  EXPECT_EQ(static_cast<std::uint64_t>(std::ranges::count(text, '\n')) + dropped, count);
}

TEST_F(AccessLogTest, AReaderThatLeftIsNoReasonToDie) {
  std::array<int, 2> ends;
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  testing::internal::CaptureStderr();
  AccessLog log(1, LogTarget::open("/dev/fd/" + std::to_string(ends[1])).value());
  ::close(ends[0]);
  log.write(0, policy(), record("/a"));
  log.stop();
  ::close(ends[1]);
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(log.dropped(), 1U);
}

TEST_F(AccessLogTest, EveryLineOfTwoWorkersIsWrittenWholeOrCounted) {
  constexpr std::size_t each = 30'000;
  AccessLog log(2, target("log"), small_ring);
  std::array<std::jthread, 2> workers;
  for (unsigned worker = 0; worker < 2; ++worker) {
    workers[worker] = std::jthread([&log, worker] {
      for (std::size_t i = 0; i < each; ++i) {
        const std::string text = std::to_string(worker) + "/" + std::to_string(i);
        log.write(worker, policy(), record(text));
      }
    });
  }
  for (auto& worker : workers) worker.join();
  log.stop();
  const auto written = lines("log");
  EXPECT_EQ(written.size() + log.dropped(), 2 * each);
  std::array<long, 2> last{-1, -1};
  for (const std::string& line : written) {
    ASSERT_TRUE(line.starts_with("{\"time\":\"") && line.ends_with("}")) << line;
    const std::size_t at = line.find(R"("path":")");
    ASSERT_NE(at, std::string::npos) << line;
    const auto worker = static_cast<std::size_t>(line[at + 8] - '0');
    const long number = std::stol(line.substr(at + 10));
    ASSERT_GT(number, last.at(worker));
    last.at(worker) = number;
  }
}

}  // namespace
}  // namespace weir::telemetry
