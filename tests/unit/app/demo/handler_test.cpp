#include "app/demo/handler.hpp"

#include <gtest/gtest.h>

namespace weir::app {
namespace {

using namespace std::chrono_literals;

TEST(DemoDelay, IsReadWithItsUnitAndBounded) {
  EXPECT_EQ(parse_delay("250ms"), Duration(250ms));
  EXPECT_EQ(parse_delay("0s"), Duration(0s));
  EXPECT_EQ(parse_delay("10s"), Duration(10s));
  EXPECT_EQ(parse_delay("10000ms"), Duration(10s));
  for (const char* wrong : {"", "s", "ms", "5", "11s", "10001ms", "-1s", "1m", "1.5s",
                            "99999999999999999999s", "18446744073709551615ms"}) {
    EXPECT_EQ(parse_delay(wrong), std::nullopt) << wrong;
  }
}

}  // namespace
}  // namespace weir::app
