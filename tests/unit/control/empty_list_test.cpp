#include "weir/control/empty_list.hpp"

#include <gtest/gtest.h>

namespace weir::control {
namespace {

using namespace std::chrono_literals;
using ListThen = EmptyList::Then;

const TimePoint beginning = TimePoint() + 1000s;

TEST(EmptyList, IsInForceAfterAWhile) {
  EmptyList list;
  EXPECT_EQ(list.read(beginning, false, 30s), ListThen::take);
  EXPECT_EQ(list.due(), std::nullopt);
  EXPECT_EQ(list.read(beginning + 1s, true, 30s), ListThen::keep);
  EXPECT_EQ(list.due(), beginning + 31s);
  EXPECT_EQ(list.take_if_due(beginning + 30s), ListThen::keep);
  EXPECT_EQ(list.take_if_due(beginning + 31s), ListThen::take);
  EXPECT_EQ(list.take_if_due(beginning + 32s), ListThen::keep) << "once";
  EXPECT_EQ(list.due(), std::nullopt);
  EXPECT_EQ(list.read(beginning + 40s, true, 30s), ListThen::take) << "it is empty already";
}

TEST(EmptyList, ReadAgainItIsEmptySinceTheFirstTime) {
  EmptyList list;
  list.read(beginning, false, 30s);
  list.read(beginning + 1s, true, 30s);
  EXPECT_EQ(list.read(beginning + 20s, true, 30s), ListThen::keep);
  EXPECT_EQ(list.due(), beginning + 31s);
  EXPECT_EQ(list.read(beginning + 20s, true, 60s), ListThen::keep) << "a reload has another time";
  EXPECT_EQ(list.due(), beginning + 61s);
  EXPECT_EQ(list.read(beginning + 20s, true, 10s), ListThen::take);
}

TEST(EmptyList, WhatIsNotEmptyOrUnknownBeginsAnew) {
  EmptyList list;
  list.read(beginning, false, 30s);
  list.read(beginning + 1s, true, 30s);
  EXPECT_EQ(list.read(beginning + 2s, false, 30s), ListThen::take);
  EXPECT_EQ(list.take_if_due(beginning + 100s), ListThen::keep);
  list.read(beginning + 100s, true, 30s);
  list.failed();
  EXPECT_EQ(list.take_if_due(beginning + 200s), ListThen::keep) << "nobody knows that it is empty";
  EXPECT_EQ(list.read(beginning + 200s, true, 30s), ListThen::keep);
  EXPECT_EQ(list.due(), beginning + 230s);
}

TEST(EmptyList, NothingIsKeptAtTheStartOrWithoutATime) {
  EmptyList list;
  EXPECT_EQ(list.read(beginning, true, 30s), ListThen::take);
  list.read(beginning + 1s, false, 0s);
  EXPECT_EQ(list.read(beginning + 2s, true, 0s), ListThen::take);
  EXPECT_EQ(list.due(), std::nullopt);
}

}  // namespace
}  // namespace weir::control
