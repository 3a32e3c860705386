#include "app/log_tally.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace weir::app {
namespace {

// Says of each path what it was told to.
class Scripted final : public server::Replay {
 public:
  server::Replayed of(const server::LoggedFacts& logged) override {
    ++asked;
    last = logged;
    if (logged.path.starts_with("/new")) {
      return {server::Replayed::Verdict::different, "route", "a", "b", false};
    }
    if (logged.path == "/hidden") {
      return {server::Replayed::Verdict::cannot_tell, "header x", "", "", true};
    }
    return {};
  }

  int asked = 0;
  server::LoggedFacts last;
};

std::string line(const std::string& path, const std::string& more = "") {
  return R"({"time":"2026-11-29T18:52:03.123456Z","listener":"http","client_ip":"192.0.2.7",)"
         R"("method":"GET","host":"x.example","path":")" +
         path + "\"" + more + "}\n";
}

TEST(LogTally, CountsAndKeepsExamples) {
  Scripted replay;
  LogTally tally(replay, 2);
  std::istringstream log(line("/") + line("/new/1") + line("/new/2") + line("/new/2") +
                         line("/new/3") + line("/hidden") + "{\"lost\":4}\n\nno line\n" +
                         line("/").substr(0, 20));
  tally.read(log);
  EXPECT_EQ(tally.requests(), 6u);
  EXPECT_EQ(tally.same(), 1u);
  EXPECT_EQ(tally.different(), 4u);
  EXPECT_EQ(tally.cannot_tell(), 1u);
  EXPECT_EQ(tally.others(), 4u);
  EXPECT_EQ(tally.disagreeing(), 1u);
  ASSERT_EQ(tally.differences().size(), 1u);
  const auto& [group, count] = *tally.differences().begin();
  EXPECT_EQ(group.before + group.after, "ab");
  EXPECT_EQ(count.requests, 4u);
  EXPECT_EQ(count.examples,
            (std::vector<std::string>{"GET x.example/new/1", "GET x.example/new/2"}));
  EXPECT_EQ(replay.asked, 5);  // what comes again is known
}

TEST(LogTally, ReadsWhatALineHas) {
  Scripted replay;
  LogTally tally(replay, 2);
  std::string written =
      line("/a", R"(,"query":"b=1","peer":"[2001:db8::1]:50","status":429,)"
                 R"("reason":"rate_limited","route":"r","bytes_in":7,"user_agent":"u",)"
                 R"("referer":"f")");
  written.pop_back();
  tally.take(written);
  EXPECT_EQ(replay.last.listener, "http");
  EXPECT_EQ(replay.last.client_ip, "192.0.2.7");
  EXPECT_EQ(replay.last.peer, "2001:db8::1");
  EXPECT_EQ(replay.last.query, "b=1");
  EXPECT_EQ(replay.last.reason, Reason::rate_limited);
  EXPECT_EQ(replay.last.route, "r");
  EXPECT_EQ(replay.last.bytes_in, 7u);
  EXPECT_EQ(replay.last.user_agent, "u");
  EXPECT_EQ(replay.last.referer, "f");
}

TEST(LogTally, ALineWithoutEndIsLeftOut) {
  Scripted replay;
  LogTally tally(replay, 2);
  std::istringstream log(line("/" + std::string(3 << 20, 'a')) + line("/"));
  tally.read(log);
  EXPECT_EQ(tally.requests(), 1u);
  EXPECT_EQ(tally.others(), 1u);
}

}  // namespace
}  // namespace weir::app
