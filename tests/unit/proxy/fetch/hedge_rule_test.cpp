#include "proxy/fetch/hedge_rule.hpp"

#include <gtest/gtest.h>

#include <tuple>

namespace weir::proxy {
namespace {

using namespace std::chrono_literals;

TEST(HedgeRuleTest, WaitsForAQuantileThatIsKnown) {
  const TimePoint now{1000h};
  control::LatencyWindow heads(1);
  const control::LatencyWindow::Watch watch(heads);
  EXPECT_EQ(HedgeRule({.after = config::HedgeAfter::time, .time = 30ms}).after(heads, now),
            Duration(30ms));
  const HedgeRule p95{config::Hedge{}};
  EXPECT_FALSE(p95.after(heads, now));
  for (int i = 1; i <= 100; ++i) heads.add(0, now, 1ms * i);
  const TimePoint later = now + 1s;
  const auto after = p95.after(heads, later);
  ASSERT_TRUE(after);
  EXPECT_GT(*after, 84ms);
  EXPECT_LT(*after, 107ms);
  const auto middle = HedgeRule({.after = config::HedgeAfter::p50}).after(heads, later);
  ASSERT_TRUE(middle);
  EXPECT_LT(*middle, *after);
}

TEST(HedgeRuleTest, WhichHeadsAreNoAnswerYet) {
  const RetryRule usual{config::Retry{}};
  for (const auto& [status, alone, ruled] :
       {std::tuple(200, false, false), std::tuple(404, false, false), std::tuple(429, false, false),
        std::tuple(500, true, false), std::tuple(503, true, true)}) {
    EXPECT_EQ(is_poor({.status = status}, nullptr), alone) << status;
    EXPECT_EQ(is_poor({.status = status}, &usual), ruled) << status;
  }
}

}  // namespace
}  // namespace weir::proxy
