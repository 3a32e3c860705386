#include "weir/base/text.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace weir {
namespace {

TEST(Text, ComparesWithoutCase) {
  EXPECT_EQ(to_lower("Aä-Z9"), "aä-z9");
  EXPECT_TRUE(iequals("Content-Length", "content-LENGTH"));
  EXPECT_FALSE(iequals("a", "ab"));
  EXPECT_FALSE(iequals("@", "`"));  // differ in the same bit as letters do
  EXPECT_TRUE(istarts_with("Bearer x", "bearer "));
  EXPECT_FALSE(istarts_with("Be", "bearer"));
}

TEST(Text, TrimsSpacesAndTabsOnly) {
  EXPECT_EQ(trim(" \t a b\t "), "a b");
  EXPECT_EQ(trim(" \t"), "");
  EXPECT_EQ(trim("\r\n"), "\r\n");
}

TEST(Text, ParsesDecimals) {
  const struct {
    std::string_view text;
    std::optional<std::uint64_t> value;
  } rows[] = {
      {"0", 0},
      {"007", 7},
      {"18446744073709551615", 18446744073709551615ULL},
      {"18446744073709551616", std::nullopt},
      {"99999999999999999999999", std::nullopt},
      {"", std::nullopt},
      {"-1", std::nullopt},
      {"+1", std::nullopt},
      {" 1", std::nullopt},
      {"1 ", std::nullopt},
      {"0x1", std::nullopt},
      {"1,2", std::nullopt},
  };
  for (const auto& row : rows) EXPECT_EQ(parse_decimal(row.text), row.value) << row.text;
}

TEST(Text, KnowsTokens) {
  EXPECT_TRUE(is_token("!#$%&'*+-.^_`|~09azAZ"));
  for (const std::string_view bad :
       {"", "a b", "a:", "a\t", "a(", "\x7F", "\xC3", "a/b", "a\"", "{"}) {
    EXPECT_FALSE(is_token(bad)) << bad;
  }
}

TEST(Text, WalksLists) {
  const auto elements = [](std::string_view list) {
    std::vector<std::string> out;
    for_each_element(list, [&](std::string_view element) {
      out.emplace_back(element);
      return element != "stop";
    });
    return out;
  };
  using List = std::vector<std::string>;
  EXPECT_EQ(elements(""), List{});
  EXPECT_EQ(elements(" , ,"), List{});
  EXPECT_EQ(elements("a,\tb ,,c d"), (List{"a", "b", "c d"}));
  EXPECT_EQ(elements("a, stop, b"), (List{"a", "stop"}));
}

TEST(Text, SuggestsTheNearest) {
  constexpr std::array<std::string_view, 4> known{"timeout", "upstream", "orders-v1", "log"};
  EXPECT_EQ(nearest("timout", known), "timeout");
  EXPECT_EQ(nearest("order-v1", known), "orders-v1");
  EXPECT_EQ(nearest("lg", known), "log");
  EXPECT_EQ(nearest("nothing", known), "");
  EXPECT_EQ(nearest("", known), "");
}

TEST(Text, EscapesForJson) {
  const struct {
    std::string_view text;
    std::string_view escaped;
  } rows[] = {
      {"plain", "plain"},
      {"a\"b\\c", "a\\\"b\\\\c"},
      {std::string_view("\0\n\x1F\x7F", 4), "\\u0000\\u000a\\u001f\\u007f"},
      {"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"},
      {"\xC3(", "\\ufffd("},
      {"\xC0\xAF", "\\ufffd\\ufffd"},             // overlong
      {"\xED\xA0\x80", "\\ufffd\\ufffd\\ufffd"},  // surrogate
      {"\xF4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},
      {"\xE2\x82", "\\ufffd\\ufffd"},
  };
  for (const auto& row : rows) {
    std::string out;
    append_json_escaped(out, row.text);
    EXPECT_EQ(out, row.escaped);
  }
}

TEST(Text, DecodesBase64) {
  EXPECT_EQ(base64_decode(""), "");
  EXPECT_EQ(base64_decode("YQ=="), "a");
  EXPECT_EQ(base64_decode("YWI="), "ab");
  EXPECT_EQ(base64_decode("YWJj"), "abc");
  EXPECT_EQ(base64_decode("+/+/"), "\xFB\xFF\xBF");
  for (const std::string_view bad :
       {"Y", "YQ", "YQ=", "YQ===", "=YQ=", "Y=Q=", "YQ==YQ==", "Y-_j", "YW j", "===="}) {
    EXPECT_EQ(base64_decode(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace weir
