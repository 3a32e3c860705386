// What a table says besides the winner: Allow, preflights, order, explanations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "route/route_fixture.hpp"

namespace weir::route {
namespace {

using testing::ElementsAre;

TEST(RouteExplain, AllowIsTheUnionOfWhatWouldMatch) {
  const Table table({for_methods({"GET", "PURGE"}, exact("get", "/a")),
                     with_cors(for_methods({"PUT"}, prefix("put", "/a"))),
                     on_host("other", for_methods({"DELETE"}, exact("delete", "/a"))),
                     for_methods({"PATCH"}, with_header("x-a", ValueMatch::Kind::present, "",
                                                        exact("patch", "/a"))),
                     with_cors(for_methods({"GET"}, exact("b", "/b")))});
  EXPECT_EQ(table->allow(Asked("POST h /a").view()), "GET, HEAD, PUT, OPTIONS, PURGE");
  EXPECT_EQ(table->allow(Asked("POST other /a").view()), "GET, HEAD, PUT, DELETE, OPTIONS, PURGE");
  EXPECT_EQ(table->allow(Asked("POST h /b").view()), "GET, HEAD, OPTIONS");
  EXPECT_EQ(table->allow(Asked("POST h /c").view()), "");
}

TEST(RouteExplain, PreflightsFindRoutesWithCors) {
  const Table table({for_methods({"GET"}, exact("bare", "/a")),
                     with_cors(for_methods({"PUT"}, with_header("x-a", ValueMatch::Kind::present,
                                                                "", exact("put", "/a")))),
                     with_cors(prefix("prefix", "/a"))});
  EXPECT_EQ(table.preflight("PUT h /a"), "put") << "header conditions are ignored";
  EXPECT_EQ(table.preflight("GET h /a"), "prefix") << "routes without cors are passed over";
  EXPECT_EQ(table.preflight("GET h /b"), "-");
}

TEST(RouteExplain, OrderIsFromTheMostSpecific) {
  const Table table(
      {prefix("any", "/"), prefix("long", "/a/b"), regex("expression", "/r"),
       exact("params", "/{x}"), exact("literal-first", "/a/{x}"), exact("exact", "/"),
       on_host("*.test", prefix("wild", "/")), on_host("*.a.test", prefix("longer-wild", "/")),
       on_host("a.test", prefix("host", "/")), for_methods({"GET"}, prefix("any-get", "/"))});
  EXPECT_THAT(table.order(), ElementsAre("host", "longer-wild", "wild", "exact", "literal-first",
                                         "params", "expression", "long", "any-get", "any"));
}

TEST(RouteExplain, ExplainsTheNearest) {
  Rule secure = exact("secure", "/a");
  secure.scheme = "https";
  secure.listeners = {"https"};
  const Table table({prefix("rest", "/"), for_methods({"POST", "PUT"}, exact("post", "/a")),
                     with_header("x-v", ValueMatch::Kind::equals, "2", exact("v2", "/a")), secure,
                     on_host("b.test", exact("host", "/a")), exact("path", "/b"),
                     on_host("b.test", exact("far", "/b"))});
  EXPECT_THAT(table.explain(Asked("GET a.test /a")),
              ElementsAre("* rest: path_prefix /", "host: host is not b.test",
                          "post: method GET is not among POST, PUT", "v2: header x-v is not '2'",
                          "path: path does not match path /b",
                          "secure: listener is not among https; scheme is not https"));
  const auto steps = table.explain(Asked("POST a.test /a"));
  ASSERT_GE(steps.size(), 2U);
  EXPECT_EQ(steps[0], "* post: path /a");
  EXPECT_EQ(steps[1], "rest: less specific than post");
}

TEST(RouteExplain, ExplainsAtMostTen) {
  std::vector<Rule> rules;
  for (int i = 0; i < 50; ++i) rules.push_back(exact("r" + std::to_string(i), "/a"));
  EXPECT_EQ(Table(rules).explain(Asked("GET h /a")).size(), 10U);
  EXPECT_EQ(Table(rules).explain(Asked("GET h /b")).size(), 10U);
}

TEST(RouteExplain, AnEmptyTableMatchesNothing) {
  const Table table({});
  EXPECT_EQ(table.winner("GET h /"), "-");
  EXPECT_EQ(table->allow(Asked("GET h /").view()), "");
  EXPECT_TRUE(table.explain(Asked("GET h /")).empty());
}

}  // namespace
}  // namespace weir::route
