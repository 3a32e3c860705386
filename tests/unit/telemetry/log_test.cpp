#include "weir/telemetry/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <thread>
#include <vector>

#include "telemetry/log_line.hpp"

namespace weir::telemetry::log {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;

constexpr WallTime noon =
    std::chrono::sys_days{std::chrono::January / 2 / 2026} + 12h + 3min + 4s + 5678us;

std::string text(std::string_view message, Fields fields) {
  return format_line(Format::text, noon, Level::info, message, {fields.begin(), fields.size()});
}
std::string json(std::string_view message, Fields fields) {
  return format_line(Format::json, noon, Level::warn, message, {fields.begin(), fields.size()});
}

TEST(LogLine, Text) {
  const std::string name = "http";
  EXPECT_EQ(text("listening", {{"name", name}, {"address", "127.0.0.1:8080"}}),
            "2026-01-02T12:03:04.005Z info listening name=http address=127.0.0.1:8080\n");
}

TEST(LogLine, Json) {
  EXPECT_EQ(json("a \"message\"", {{"n", -1}, {"u", 2U}, {"x", 0.5}, {"b", true}, {"t", "x y"}}),
            R"({"time":"2026-01-02T12:03:04.005Z","level":"warn","message":"a \"message\"",)"
            R"("n":-1,"u":2,"x":0.5,"b":true,"t":"x y"})"
            "\n");
  EXPECT_THAT(json("m", {{"x", std::numeric_limits<double>::infinity()}}), HasSubstr("\"x\":null"));
}

TEST(LogLine, ValuesThatCouldBeMistakenAreQuoted) {
  EXPECT_THAT(text("m", {{"k", "a b"}}), EndsWith(" k=\"a b\"\n"));
  EXPECT_THAT(text("m", {{"k", ""}}), EndsWith(" k=\"\"\n"));
  EXPECT_THAT(text("m", {{"k", "a=b"}}), EndsWith(" k=\"a=b\"\n"));
  EXPECT_THAT(text("m", {{"k", "a\"b"}}), EndsWith(" k=\"a\\\"b\"\n"));
  EXPECT_THAT(text("m", {{"k", "a\nb\x1b[31m\x7f"}}),
              EndsWith(" k=\"a\\u000ab\\u001b[31m\\u007f\"\n"));
  EXPECT_THAT(text("m", {{"k", "\xff"}}), EndsWith(" k=\"\\ufffd\"\n"));
  EXPECT_THAT(text("two\nlines", {}), EndsWith(" info two\\u000alines\n"));
}

TEST(LogLine, IsNeverLongerThanAPipeTakes) {
  const std::string hostile(100'000, '\x01');
  for (const Format format : {Format::text, Format::json}) {
    const std::vector<Field> fields{{"a", hostile}, {"b", "kept"}, {"c", hostile}};
    const std::string line = format_line(format, noon, Level::info, hostile, fields);
    EXPECT_LE(line.size(), longest_line);
    EXPECT_EQ(std::ranges::count(line, '\n'), 1);
    EXPECT_THAT(line, HasSubstr("kept"));
  }
}

TEST(Log, WritesWithAndWithoutItsThreadAndKeepsToTheLevel) {
  testing::internal::CaptureStderr();
  info("early");
  start(Level::warn, Format::text);
  info("not this");
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int n = 0; n < 100; ++n) warn("busy", {{"n", n}});
    });
  }
  threads.clear();
  set_level(Level::debug);
  debug("this");
  stop();
  error("late");
  set_level(Level::info);
  const std::string all = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(all, '\n'), 403);
  EXPECT_THAT(all, HasSubstr(" info early\n"));
  EXPECT_THAT(all, testing::Not(HasSubstr("not this")));
  EXPECT_THAT(all, HasSubstr(" warn busy n=99\n"));
  EXPECT_THAT(all, HasSubstr(" debug this\n"));
  EXPECT_THAT(all, EndsWith(" error late\n"));
}

}  // namespace
}  // namespace weir::telemetry::log
