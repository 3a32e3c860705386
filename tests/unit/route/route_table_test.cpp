#include "weir/route/route_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "route/route_fixture.hpp"

namespace weir::route {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(RouteTable, PrefixesMatchBySegment) {
  const Table table({prefix("foo", "/foo"), prefix("slash", "/bar/"), prefix("deep", "/foo/a/b")});
  expect(table, {
                    {"itself", "GET h /foo", "foo"},
                    {"with a slash", "GET h /foo/", "foo rest=/"},
                    {"below", "GET h /foo/x/y", "foo rest=/x/y"},
                    {"not within a segment", "GET h /foobar", "-"},
                    {"case matters", "GET h /Foo", "-"},
                    {"its trailing slash does not count", "GET h /bar", "slash"},
                    {"nor below", "GET h /bar/x", "slash rest=/x"},
                    {"the longest wins", "GET h /foo/a/b/c", "deep rest=/c"},
                    {"a shorter one", "GET h /foo/a/c", "foo rest=/a/c"},
                });
}

TEST(RouteTable, NoPathIsPrefixRoot) {
  const Table table({{.name = "any"}, prefix("root", "/"), prefix("x", "/x")});
  expect(table, {
                    {"file order", "GET h /", "any rest=/"},
                    {"whole path", "GET h /a/b", "any rest=/a/b"},
                    {"longer prefix", "GET h /x", "x"},
                });
}

TEST(RouteTable, ParametersStandForSegments) {
  const Table table({exact("list", "/orders"), exact("one", "/orders/{id}"),
                     exact("slash", "/orders/{id}/"), exact("item", "/orders/{id}/items/{item}"),
                     exact("latest", "/orders/latest"), exact("root", "/")});
  expect(table, {
                    {"exact", "GET h /orders", "list"},
                    {"one", "GET h /orders/17", "one id=17"},
                    {"as it came", "GET h /orders/a%20b", "one id=a%20b"},
                    {"a literal before a parameter", "GET h /orders/latest", "latest"},
                    {"literal dead end", "GET h /orders/latest/items/2", "item id=latest item=2"},
                    {"two", "GET h /orders/17/items/3", "item id=17 item=3"},
                    {"a trailing slash is a segment", "GET h /orders/17/", "slash id=17"},
                    {"no empty parameter", "GET h /orders/", "-"},
                    {"no empty parameter inside", "GET h /orders//items/3", "-"},
                    {"too long", "GET h /orders/17/items/3/x", "-"},
                    {"root", "GET h /", "root"},
                });
}

TEST(RouteTable, ParametersAreComparedLeftToRight) {
  const Table table({exact("pp", "/{a}/{b}"), exact("pl", "/{a}/x"), exact("lp", "/x/{b}"),
                     exact("lpl", "/x/{b}/y"), exact("plz", "/{a}/x/z")});
  expect(table, {
                    {"first literal", "GET h /x/x", "lp b=x"},
                    {"second literal", "GET h /q/x", "pl a=q"},
                    {"none", "GET h /q/r", "pp a=q b=r"},
                    {"back from a dead end", "GET h /x/x/z", "plz a=x"},
                });
}

TEST(RouteTable, KindsOfPathsHaveTheirOrder) {
  const Table table({prefix("prefix", "/a/b"), regex("late", "/a/.+"), regex("later", "/a/b"),
                     exact("params", "/a/{x}"), exact("exact", "/a/b"), regex("whole", "/c|/cc")});
  expect(table, {
                    {"exact first", "GET h /a/b", "exact"},
                    {"then parameters", "GET h /a/c", "params x=c"},
                    {"then expressions before prefixes", "GET h /a/b/c", "late"},
                    {"the whole path", "GET h /cc", "whole"},
                    {"not a part", "GET h /ccc", "-"},
                });
}

TEST(RouteTable, HostsFallBack) {
  const Table table({on_host("a.test", exact("exact", "/only")),
                     on_host("*.test", prefix("wild", "/w")),
                     on_host("*.b.test", prefix("longer", "/w")), prefix("any", "/")});
  expect(table, {
                    {"exact host", "GET a.test /only", "exact"},
                    {"its wildcard", "GET a.test /w", "wild"},
                    {"any", "GET a.test /x", "any rest=/x"},
                    {"longest wildcard", "GET c.b.test /w", "longer"},
                    {"several labels", "GET e.d.c.b.test /w", "longer"},
                    {"not its own name", "GET b.test /w", "wild"},
                    {"nor the shorter one's", "GET test /w", "any rest=/w"},
                    {"whole labels only", "GET xb.test /w", "wild"},
                    {"no host", "GET  /w", "any rest=/w"},
                    {"only a dot", "GET .test /w", "any rest=/w"},
                });
}

TEST(RouteTable, AMoreSpecificHostBeatsAMoreSpecificPath) {
  const Table table({exact("path", "/a/b"), on_host("*.test", prefix("wild", "/")),
                     on_host("a.test", prefix("host", "/a"))});
  expect(table, {{"host", "GET a.test /a/b", "host rest=/b"},
                 {"wildcard", "GET b.test /a/b", "wild rest=/a/b"},
                 {"neither", "GET c /a/b", "path"}});
}

TEST(RouteTable, ConditionsDecideAmongEqualPaths) {
  const Table table({prefix("plain", "/"), for_methods({"GET"}, prefix("method", "/")),
                     with_header("x-a", ValueMatch::Kind::equals, "1", prefix("header", "/")),
                     with_query("q", ValueMatch::Kind::equals, "1", prefix("query", "/")),
                     prefix("second", "/")});
  EXPECT_EQ(table.winner("GET h /"), "method rest=/");
  EXPECT_EQ(table.winner("POST h /"), "plain rest=/");
  EXPECT_EQ(table.winner(Asked("POST h /?q=1", {{"x-a", "1"}})), "header rest=/");
  EXPECT_EQ(table.winner("POST h /?q=1"), "query rest=/");
  EXPECT_EQ(table.winner(Asked("GET h /?q=1", {{"x-a", "1"}})), "method rest=/");
}

TEST(RouteTable, AConditionThatFailsLetsOthersWin) {
  const Table table({with_header("x-a", ValueMatch::Kind::present, "", exact("exact", "/a")),
                     for_methods({"POST"}, exact("params", "/{x}")), prefix("prefix", "/")});
  EXPECT_EQ(table.winner(Asked("GET h /a", {{"X-A", ""}})), "exact");
  EXPECT_EQ(table.winner("POST h /a"), "params x=a");
  EXPECT_EQ(table.winner("GET h /a"), "prefix rest=/a");
}

TEST(RouteTable, PathsOfTheConfigurationAreNormalisedToo) {
  const Table table({exact("hex", "/caf%c3%a9/%7euser"), exact("dots", "/a/./b/{x}")});
  EXPECT_EQ(table.winner("GET h /caf%C3%A9/~user"), "hex");
  EXPECT_EQ(table.winner("GET h /a/b/1"), "dots x=1");
}

TEST(RouteTable, LongSegmentsAndManyParameters) {
  const std::string longest(300, 's');
  std::string path = "/" + longest;
  std::string asked = path;
  std::string wanted = "many";
  for (int i = 0; i < 16; ++i) {
    path += "/{p" + std::to_string(i) + "}";
    asked += "/" + std::to_string(i);
    wanted += " p" + std::to_string(i) + "=" + std::to_string(i);
  }
  EXPECT_EQ(Table({exact("many", path)}).winner("GET h " + asked), wanted);
  const Table table({exact("too-many", path + "/{q}")});
  ASSERT_EQ(table.errors().size(), 1U);
  EXPECT_EQ(table.errors()[0].what, "path: more than 16 parameters");
}

TEST(RouteTable, ReportsEverythingThatDoesNotCompile) {
  Rule listener = prefix("listener", "/");
  listener.listeners = {"nope"};
  const Table table(
      {regex("expression", "/(a"), exact("fine", "/"), exact("path", "/a/../.."),
       with_header("x-a", ValueMatch::Kind::regex, "[",
                   with_query("q", ValueMatch::Kind::regex, "*", prefix("values", "a"))),
       listener});
  std::vector<std::string> errors;
  for (const CompileError& error : table.errors()) {
    errors.push_back(std::to_string(error.route) + " " + error.what);
  }
  EXPECT_THAT(
      errors,
      ElementsAre(HasSubstr("0 path_regex: missing"), "2 path: '..' above the root of the path",
                  "3 path_prefix: the path does not start with '/'",
                  HasSubstr("3 headers.x-a: missing"), HasSubstr("3 query.q: no argument"),
                  "4 listeners: unknown listener 'nope'"));
}

TEST(RouteTable, Expressions) {
  const Table table(
      {on_host("quote", regex("quote", R"(/\Qa.b)")), on_host("case", regex("case", "(?i)/abc")),
       on_host("anchors", regex("anchors", "^/a$|^/b$")), on_host("empty", regex("empty", ""))});
  expect(table, {
                    {"open quotation", "GET quote /a.b", "quote"},
                    {"open quotation, other", "GET quote /axb", "-"},
                    {"flags", "GET case /aBC", "case"},
                    {"anchors of its own", "GET anchors /b", "anchors"},
                    {"anchors of its own, longer", "GET anchors /b/c", "-"},
                    {"matches no path", "GET empty /", "-"},
                });
}

TEST(RouteTable, PathParametersDoNotCount) {
  const Table table({prefix("admin", "/admin"), exact("item", "/items/{id}/full"),
                     regex("report", "/reports/[a-z]+"), exact("me", "/me"), prefix("all", "/")});
  expect(table, {{"a parameter", "GET a /admin;a=b", "admin"},
                 {"an empty one", "GET a /admin;", "admin"},
                 {"several", "GET a /admin;a=b;c", "admin"},
                 {"encoded", "GET a /admin%3Ba=b", "admin"},
                 {"with more behind it", "GET a /admin;/x", "admin rest=/x"},
                 {"the rest as it came", "GET a /admin;a/x;b/y%3Bc", "admin rest=/x;b/y%3Bc"},
                 {"an empty name", "GET a /;a/admin/x", "admin rest=/x"},
                 {"empty names in between", "GET a /;a/%3B/admin/;b/x", "admin rest=/;b/x"},
                 {"an exact path", "GET a /me;x", "me"},
                 {"a slash and a parameter", "GET a /me/;x", "all rest=/me/;x"},
                 {"a captured value", "GET a /items/7;v=1/full;w", "item id=7"},
                 {"no value", "GET a /items/;v=1/full", "all rest=/items/;v=1/full"},
                 {"an expression", "GET a /reports;x/yearly;y", "report"},
                 {"only parameters", "GET a /;x", "all rest=/;x"},
                 {"another name", "GET a /admins;x", "all rest=/admins;x"}});
}

TEST(RouteTable, PathParametersOfARouteCount) {
  const Table table({exact("v1", "/a;v=1/{id}"), prefix("a", "/a"), prefix("guard", "/g;x/y"),
                     prefix("deep", "/g/y/z"), regex("matrix", "/m;[a-z]+=[0-9]+"),
                     regex("spelled", "/n%3B.*"), prefix("m", "/m"), prefix("all", "/")});
  expect(table, {{"as in the route", "GET a /a;v=1/7", "v1 id=7"},
                 {"encoded", "GET a /a%3Bv=1/7", "v1 id=7"},
                 {"more elsewhere", "GET a /a;v=1/7;w", "v1 id=7"},
                 {"another value", "GET a /a;v=2/7", "a rest=/7"},
                 {"none", "GET a /a/7", "a rest=/7"},
                 {"a prefix", "GET a /g;x/y;z/1;2", "guard rest=/1;2"},
                 {"the longer prefix", "GET a /g;x/y/z/1", "deep rest=/1"},
                 {"an expression", "GET a /m;q=7", "matrix"},
                 {"an expression, encoded", "GET a /m%3Bq=7", "matrix"},
                 {"not the expression", "GET a /m;q=x", "m"},
                 {"an expression that spells it", "GET a /n;q", "all rest=/n;q"},
                 {"an expression that spells it, met", "GET a /n%3Bq", "spelled"}});
}

}  // namespace
}  // namespace weir::route
