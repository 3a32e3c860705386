#include "weir/base/debug_log.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::debug_log {
namespace {

std::vector<std::string>& lines() {
  static std::vector<std::string> all;
  return all;
}

class DebugLogTest : public testing::Test {
 protected:
  DebugLogTest() {
    lines().clear();
    set_sink([](Level level, std::string_view message, std::span<const LogField> fields) {
      std::string line = level == Level::trace ? "trace " : "debug ";
      line += message;
      for (const LogField& field : fields) {
        line += " " + std::string(field.key) + "=";
        if (const auto* text = std::get_if<std::string_view>(&field.value)) line += *text;
        if (const auto* number = std::get_if<std::uint64_t>(&field.value)) {
          line += std::to_string(*number);
        }
      }
      lines().push_back(line);
    });
  }
  ~DebugLogTest() override {
    set_sink(nullptr);
    set_level(Component::upstream, Level::off);
  }
};

TEST_F(DebugLogTest, ALineBeginsWithItsComponent) {
  set_level(Component::upstream, Level::debug);
  write(Component::upstream, Level::debug, "connected", {{"connection", 7u}, {"alpn", "h2"}});
  EXPECT_EQ(lines(),
            std::vector<std::string>{"debug connected component=upstream connection=7 alpn=h2"});
}

TEST_F(DebugLogTest, OnlyWhatItsComponentIsToTell) {
  set_level(Component::upstream, Level::debug);
  EXPECT_TRUE(on(Component::upstream, Level::debug));
  EXPECT_FALSE(on(Component::upstream, Level::trace));
  EXPECT_FALSE(on(Component::client, Level::debug));
  write(Component::upstream, Level::trace, "connecting", {});
  write(Component::client, Level::debug, "accepted", {});
  EXPECT_TRUE(lines().empty());
  set_level(Component::upstream, Level::trace);
  write(Component::upstream, Level::trace, "connecting", {});
  EXPECT_EQ(lines(), std::vector<std::string>{"trace connecting component=upstream"});
}

TEST(DebugLog, ComponentsHaveNames) {
  EXPECT_EQ(component("client"), Component::client);
  EXPECT_EQ(component("http2"), Component::http2);
  EXPECT_EQ(component("upstream"), Component::upstream);
  EXPECT_FALSE(component(""));
}

}  // namespace
}  // namespace weir::debug_log
