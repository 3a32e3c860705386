#include "app/live/tail_filter.hpp"

#include <gtest/gtest.h>

namespace weir::app {
namespace {

LoggedRequest logged_request() {
  LoggedRequest out;
  out.method = "GET";
  out.path = "/orders/7";
  out.status = 503;
  out.reason = "circuit_open";
  out.route = "orders";
  out.duration_ms = 500;
  return out;
}

bool passes(const TailFilterText& text, const LoggedRequest& one = logged_request()) {
  const auto filter = TailFilter::parse(text);
  EXPECT_TRUE(filter) << filter.error();
  return filter && filter->passes(one);
}

TEST(TailFilter, WithoutConditionsEverythingPasses) { EXPECT_TRUE(passes({})); }

TEST(TailFilter, EachKindLetsItsOwnPass) {
  EXPECT_TRUE(passes({.status = {"503"}}));
  EXPECT_TRUE(passes({.status = {"5xx"}}));
  EXPECT_TRUE(passes({.status = {"404", "5XX"}}));
  EXPECT_FALSE(passes({.status = {"500"}}));
  EXPECT_FALSE(passes({.status = {"4xx", "2xx"}}));
  EXPECT_TRUE(passes({.route = {"shop", "orders"}}));
  EXPECT_FALSE(passes({.route = {"order"}}));
  EXPECT_TRUE(passes({.reason = {"circuit_open"}}));
  EXPECT_TRUE(passes({.reason = {"any"}}));
  EXPECT_FALSE(passes({.reason = {"rate_limited"}}));
  EXPECT_TRUE(passes({.path = {"/orders"}}));
  EXPECT_FALSE(passes({.path = {"/7", "/orders/8"}}));
  EXPECT_TRUE(passes({.method = {"get"}}));
  EXPECT_FALSE(passes({.method = {"POST"}}));
  EXPECT_TRUE(passes({.slow = "500ms"}));
  EXPECT_FALSE(passes({.slow = "0.6s"}));
}

TEST(TailFilter, AllKindsMustHold) {
  EXPECT_TRUE(passes({.status = {"5xx"}, .path = {"/orders"}}));
  EXPECT_FALSE(passes({.status = {"5xx"}, .path = {"/shop"}}));
  EXPECT_FALSE(passes({.status = {"2xx"}, .path = {"/orders"}}));
}

TEST(TailFilter, WhatIsAbsent) {
  LoggedRequest plain = logged_request();
  plain.reason = plain.route = "";
  plain.status = 0;
  EXPECT_FALSE(passes({.reason = {"any"}}, plain));
  EXPECT_TRUE(passes({.route = {"-"}}, plain));
  EXPECT_FALSE(passes({.route = {"-"}}));
  EXPECT_FALSE(passes({.status = {"5xx"}}, plain));
}

TEST(TailFilter, SaysWhatIsWrong) {
  struct Row {
    TailFilterText text;
    const char* words;
  };
  const Row rows[] = {
      {{.status = {"6xx"}}, "--status: '6xx' is not a status"},
      {{.status = {"20"}}, "--status: '20'"},
      {{.status = {"2x0"}}, "--status: '2x0'"},
      {{.status = {"2000"}}, "--status: '2000'"},
      {{.status = {""}}, "--status: ''"},
      {{.status = {"\x1b"}}, "--status: '?'"},
      {{.reason = {"circut_open"}}, "did you mean 'circuit_open'?"},
      {{.reason = {"none"}}, "there is no reason 'none'"},
      {{.slow = "fast"}, "--slow: "},
  };
  for (const Row& row : rows) {
    const auto filter = TailFilter::parse(row.text);
    ASSERT_FALSE(filter) << row.words;
    EXPECT_NE(filter.error().find(row.words), std::string::npos) << filter.error();
  }
}

}  // namespace
}  // namespace weir::app
