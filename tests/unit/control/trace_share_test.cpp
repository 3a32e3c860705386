#include "weir/control/trace_share.hpp"

#include <gtest/gtest.h>

namespace weir::control {
namespace {

TEST(TraceShare, Bounds) {
  EXPECT_FALSE(TraceShare().takes(0));
  EXPECT_FALSE(TraceShare(0).takes(0));
  EXPECT_TRUE(TraceShare(1).takes(UINT64_MAX));
  EXPECT_TRUE(TraceShare(1e-12).takes(0));
  EXPECT_FALSE(TraceShare(1e-12).takes(std::uint64_t{1} << 32));
  EXPECT_TRUE(TraceShare(0.5).takes((std::uint64_t{1} << 63) - 1));
  EXPECT_FALSE(TraceShare(0.5).takes(std::uint64_t{1} << 63));
}

TEST(TraceShare, WhoDecides) {
  const TraceShare all(1);
  const TraceShare none(0);
  EXPECT_FALSE(samples(true, false, all, 0));
  EXPECT_TRUE(samples(true, true, none, 0));
  EXPECT_TRUE(samples(true, {}, all, 0));
  EXPECT_TRUE(samples(false, false, all, 0));   // a stranger cannot hide
  EXPECT_FALSE(samples(false, true, none, 0));  // nor ask for a trace
}

TEST(TraceKeep, Rows) {
  using namespace std::chrono_literals;
  EXPECT_FALSE(TraceKeep{}.any());
  EXPECT_FALSE(TraceKeep{}.takes(true, 1h));
  EXPECT_TRUE((TraceKeep{.errors = true}.takes(true, 0s)));
  EXPECT_FALSE((TraceKeep{.errors = true}.takes(false, 1h)));
  EXPECT_TRUE((TraceKeep{.slower_than = 1s}.takes(false, 1001ms)));
  EXPECT_FALSE((TraceKeep{.slower_than = 1s}.takes(true, 1s)));
}

}  // namespace
}  // namespace weir::control
