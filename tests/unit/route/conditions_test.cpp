#include <gtest/gtest.h>

#include "route/route_fixture.hpp"

namespace weir::route {
namespace {

TEST(RouteConditions, Methods) {
  const Table table({for_methods({"GET", "PURGE"}, exact("get", "/get")),
                     for_methods({"HEAD"}, exact("head", "/head")), exact("all", "/all")});
  expect(table, {
                    {"given", "GET h /get", "get"},
                    {"GET includes HEAD", "HEAD h /get", "get"},
                    {"HEAD does not include GET", "GET h /head", "-"},
                    {"unknown to us", "PURGE h /get", "get"},
                    {"another unknown", "PRUNE h /get", "-"},
                    {"case matters", "get h /get", "-"},
                    {"any", "PRUNE h /all", "all"},
                });
}

TEST(RouteConditions, HeaderConditions) {
  using Kind = ValueMatch::Kind;
  const Table table(
      {with_header("x-version", Kind::equals, "2", exact("equals", "/equals")),
       with_header("user-agent", Kind::regex, "curl/[78].*", exact("regex", "/regex")),
       with_header("cookie", Kind::present, "", exact("present", "/present")),
       with_header("x-debug", Kind::absent, "", exact("absent", "/absent"))});
  using Fields = std::initializer_list<std::pair<const char*, const char*>>;
  const struct {
    std::string_view request;
    Fields fields;
    std::string_view winner;
  } rows[] = {
      {"GET h /equals", {{"X-Version", "2"}}, "equals"},
      {"GET h /equals", {{"x-version", "1"}, {"x-version", "2"}}, "equals"},
      {"GET h /equals", {{"x-version", "22"}}, "-"},
      {"GET h /equals", {}, "-"},
      {"GET h /regex", {{"User-Agent", "curl/8.1"}}, "regex"},
      {"GET h /regex", {{"User-Agent", "not curl/8.1"}}, "-"},
      {"GET h /present", {{"Cookie", ""}}, "present"},
      {"GET h /present", {}, "-"},
      {"GET h /absent", {}, "absent"},
      {"GET h /absent", {{"X-Debug", "0"}}, "-"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(table.winner(Asked(row.request, row.fields)), row.winner) << row.request;
  }
}

TEST(RouteConditions, QueryConditions) {
  using Kind = ValueMatch::Kind;
  const Table table({with_query("beta", Kind::equals, "a b", exact("equals", "/equals")),
                     with_query("n", Kind::regex, "[0-9]+", exact("regex", "/regex")),
                     with_query("flag", Kind::present, "", exact("present", "/present")),
                     with_query("off", Kind::absent, "", exact("absent", "/absent"))});
  expect(table, {
                    {"decoded", "GET h /equals?x=1&%62eta=a%20b", "equals"},
                    {"a plus is a plus", "GET h /equals?beta=a+b", "-"},
                    {"the first counts", "GET h /equals?beta=x&beta=a%20b", "-"},
                    {"expression", "GET h /regex?n=12", "regex"},
                    {"expression, decoded", "GET h /regex?n=%31%32", "regex"},
                    {"expression, the whole value", "GET h /regex?n=12a", "-"},
                    {"present without value", "GET h /present?flag", "present"},
                    {"not present", "GET h /present?flags=1", "-"},
                    {"absent", "GET h /absent?offs=1", "absent"},
                    {"not absent", "GET h /absent?off", "-"},
                });
  const std::string digits(5000, '7');
  EXPECT_EQ(table.winner("GET h /regex?n=%31" + digits), "regex") << "longer than the room for it";
}

TEST(RouteConditions, ListenersAndSchemes) {
  Rule listener = exact("listener", "/a");
  listener.listeners = {"https"};
  Rule scheme = exact("scheme", "/b");
  scheme.scheme = "https";
  const Table table({listener, scheme});
  Asked a("GET h /a");
  EXPECT_EQ(table.winner(a), "-");
  a.listener = 1;
  EXPECT_EQ(table.winner(a), "listener");
  a.listener = 7;
  EXPECT_EQ(table.winner(a), "-") << "a listener that the table has not heard of";
  Asked b("GET h /b");
  EXPECT_EQ(table.winner(b), "-");
  b.scheme = Scheme::https;
  EXPECT_EQ(table.winner(b), "scheme");
}

}  // namespace
}  // namespace weir::route
