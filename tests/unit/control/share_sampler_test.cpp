#include "weir/control/share_sampler.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace weir::control {
namespace {

TEST(ShareSampler, IsNeverTwoOffItsShare) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> any(0.0, 1.0);
  for (int row = 0; row < 50; ++row) {
    const double share = any(random);
    SCOPED_TRACE(share);
    ShareSampler sampler(share, random());
    double picked = 0;
    for (int n = 1; n <= 5000; ++n) {
      picked += sampler.pick() ? 1 : 0;
      ASSERT_LT(std::abs(picked - n * share), 2.0) << n;
    }
  }
}

TEST(ShareSampler, NothingAndAllAreExact) {
  ShareSampler none(0, 7);
  ShareSampler all(1, 7);
  for (int n = 0; n < 100'000; ++n) {
    ASSERT_FALSE(none.pick());
    ASSERT_TRUE(all.pick());
  }
}

// Who comes every other time is picked as often as anybody.
TEST(ShareSampler, HasNoRhythm) {
  ShareSampler sampler(0.5, 3);
  int even = 0;
  for (int n = 0; n < 10'000; ++n) {
    const bool picked = sampler.pick();
    if (n % 2 == 0 && picked) ++even;
  }
  EXPECT_GT(even, 2200);
  EXPECT_LT(even, 2800);
}

// Two shares of one route must not always meet the same requests.
TEST(ShareSampler, SeedsAreIndependent) {
  ShareSampler one(0.5, 1);
  ShareSampler other(0.5, 2);
  int both = 0;
  for (int n = 0; n < 10'000; ++n) {
    const bool first = one.pick();
    const bool second = other.pick();
    if (first && second) ++both;
  }
  EXPECT_GT(both, 2200);
  EXPECT_LT(both, 2800);
}

}  // namespace
}  // namespace weir::control
