#include "app/live/answer.hpp"

#include <gtest/gtest.h>

namespace weir::app {
namespace {

TEST(Answer, WhatIsNotThereIsEmpty) {
  const auto answer = parse_answer(R"({"a":"x","n":1.5,"t":true,"o":{"b":"y"},"l":["p",1,"q"]})");
  ASSERT_TRUE(answer);
  const json::object& object = as_object(*answer);
  EXPECT_EQ(text_at(object, "a"), "x");
  EXPECT_EQ(number_at(object, "n"), 1.5);
  EXPECT_TRUE(flag_at(object, "t"));
  EXPECT_EQ(text_at(object_at(object, "o"), "b"), "y");
  EXPECT_EQ(joined(array_at(object, "l")), "p, q");
  for (const char* other : {"z", "l", "o"}) {
    EXPECT_EQ(text_at(object, other), "") << other;
    EXPECT_EQ(number_at(object, other), 0) << other;
    EXPECT_FALSE(flag_at(object, other)) << other;
  }
  EXPECT_TRUE(object_at(object, "a").empty());
  EXPECT_TRUE(array_at(object, "a").empty());
  EXPECT_TRUE(as_object(json::value(1)).empty());
}

TEST(Answer, WhatIsNoJson) {
  for (const char* text : {"", "{", "hello", "{} {}"}) EXPECT_FALSE(parse_answer(text)) << text;
}

TEST(Answer, Counts) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1000), "1,000");
  EXPECT_EQ(count_text(1234567), "1,234,567");
  EXPECT_EQ(count_text(-5), "0");
}

TEST(Answer, RatesAndShares) {
  EXPECT_EQ(rate_text(0), "0/s");
  EXPECT_EQ(rate_text(0.26), "0.3/s");
  EXPECT_EQ(rate_text(99.94), "99.9/s");
  EXPECT_EQ(rate_text(12345.6), "12,346/s");
  EXPECT_EQ(percent_text(0.126), "13%");
  EXPECT_EQ(percent_text(2), "100%");
}

TEST(Answer, Times) {
  EXPECT_EQ(time_text(0), "0 s");
  EXPECT_EQ(time_text(59.4), "59 s");
  EXPECT_EQ(time_text(60), "1 min");
  EXPECT_EQ(time_text(125), "2 min 5 s");
  EXPECT_EQ(time_text(3600), "1 h");
  EXPECT_EQ(time_text(3601), "1 h");
  EXPECT_EQ(time_text(93784), "1 d 2 h");
}

}  // namespace
}  // namespace weir::app
