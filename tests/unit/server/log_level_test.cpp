#include "server/log_level.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace weir::server {
namespace {

using namespace std::chrono_literals;
using Level = telemetry::log::Level;

class LogLevelTest : public testing::Test {
 protected:
  LogLevelTest() { telemetry::log::set_level(Level::info); }
  ~LogLevelTest() override { telemetry::log::set_level(before_); }

  static Level now() { return telemetry::log::level(); }

  const Level before_ = telemetry::log::level();
  asio::io_context main_;
  LogLevel level_{main_};
};

TEST_F(LogLevelTest, WithoutATimeItStays) {
  level_.begin(Level::info);
  level_.set(Level::error, std::nullopt);
  EXPECT_EQ(now(), Level::error);
  EXPECT_FALSE(level_.until());
  EXPECT_EQ(main_.run(), 0u);  // no timer
  EXPECT_EQ(now(), Level::error);
}

TEST_F(LogLevelTest, AfterItsTimeTheFilesLevelIsBack) {
  level_.begin(Level::warn);
  level_.set(Level::error, 1ms);
  EXPECT_EQ(now(), Level::error);
  EXPECT_TRUE(level_.until());
  EXPECT_EQ(main_.run(), 1u);
  EXPECT_EQ(now(), Level::warn);
  EXPECT_FALSE(level_.until());
}

TEST_F(LogLevelTest, ALaterWordEndsTheTimer) {
  level_.begin(Level::info);
  level_.set(Level::debug, 1ms);
  level_.set(Level::error, std::nullopt);
  main_.run();
  EXPECT_EQ(now(), Level::error);
}

TEST_F(LogLevelTest, ALaterTimeCounts) {
  level_.begin(Level::info);
  level_.set(Level::debug, 1ms);
  level_.set(Level::error, 1h);
  EXPECT_EQ(main_.poll(), 1u);  // the first timer, cancelled
  EXPECT_EQ(now(), Level::error);
  EXPECT_TRUE(level_.until());
}

using debug_log::Component;

// Whether the component's steps are written.
bool debugs(Component component) { return debug_log::on(component, debug_log::Level::debug); }

TEST_F(LogLevelTest, OneComponentAlone) {
  level_.begin(Level::info);
  level_.set(Component::upstream, Level::debug, std::nullopt);
  EXPECT_EQ(now(), Level::info);
  EXPECT_TRUE(debugs(Component::upstream));
  EXPECT_FALSE(debugs(Component::client));
  ASSERT_TRUE(level_.of(Component::upstream));
  EXPECT_EQ(level_.of(Component::upstream)->level, Level::debug);
  EXPECT_FALSE(level_.of(Component::upstream)->until);
  EXPECT_FALSE(level_.of(Component::client));
  level_.set(Level::info, std::nullopt);
  EXPECT_FALSE(debugs(Component::upstream)) << "a setting for all is for it, too";
  EXPECT_FALSE(level_.of(Component::upstream));
}

TEST_F(LogLevelTest, AComponentMaySayLessThanTheRest) {
  level_.begin(Level::info);
  level_.set(Level::debug, std::nullopt);
  level_.set(Component::http2, Level::info, std::nullopt);
  EXPECT_TRUE(debugs(Component::client));
  EXPECT_FALSE(debugs(Component::http2));
}

TEST_F(LogLevelTest, AfterItsTimeAComponentHasTheLevelOfTheRest) {
  level_.begin(Level::info);
  level_.set(Component::client, Level::trace, 1ms);
  EXPECT_TRUE(level_.of(Component::client)->until);
  EXPECT_EQ(main_.run(), 1u);
  EXPECT_FALSE(debugs(Component::client));
  EXPECT_FALSE(level_.of(Component::client));
}

TEST_F(LogLevelTest, AComponentOutlivesTheTimeOfTheRest) {
  level_.begin(Level::info);
  level_.set(Level::error, 1ms);
  level_.set(Component::client, Level::debug, std::nullopt);
  EXPECT_EQ(main_.run(), 1u);
  EXPECT_EQ(now(), Level::info);
  EXPECT_TRUE(debugs(Component::client));
  EXPECT_FALSE(debugs(Component::upstream));
}

TEST_F(LogLevelTest, AReloadEndsComponents) {
  level_.begin(Level::info);
  level_.set(Component::client, Level::debug, std::nullopt);
  level_.set(Component::http2, Level::debug, 1h);
  level_.reloaded(Level::info);
  EXPECT_TRUE(debugs(Component::client)) << "the same file keeps what was set";
  EXPECT_FALSE(debugs(Component::http2)) << "the same file ends a time";
  level_.reloaded(Level::warn);
  EXPECT_FALSE(debugs(Component::client)) << "another level ends everything";
  EXPECT_FALSE(level_.of(Component::client));
}

TEST_F(LogLevelTest, AReload) {
  struct Row {
    const char* name;
    Level set;
    bool timed;
    Level in_file;  // info before
    Level then;
  };
  const Row rows[]{
      {"the same file keeps what was set", Level::debug, false, Level::info, Level::debug},
      {"another level of the file", Level::debug, false, Level::warn, Level::warn},
      {"the same file ends a time", Level::debug, true, Level::info, Level::info},
      {"another level ends a time", Level::debug, true, Level::warn, Level::warn},
  };
  for (const Row& row : rows) {
    level_.begin(Level::info);
    level_.set(row.set, row.timed ? std::optional<Duration>(1h) : std::nullopt);
    level_.reloaded(row.in_file);
    EXPECT_EQ(now(), row.then) << row.name;
    EXPECT_EQ(level_.in_file(), row.in_file) << row.name;
    EXPECT_FALSE(level_.until()) << row.name;
    main_.restart();
    main_.run();
    EXPECT_EQ(now(), row.then) << row.name;
  }
}

}  // namespace
}  // namespace weir::server
