#include "weir/http/header_map.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir::test {
namespace {

std::string text_of(const HeaderMap& headers) {
  std::string text;
  for (const HeaderMap::Field& field : headers) {
    text += std::string(field.name) + "=" + std::string(field.value) + ";";
  }
  return text;
}

TEST(FieldId, KnowsEachNameInAnyCase) {
  for (unsigned i = 1; i <= static_cast<unsigned>(FieldId::x_rewrite_url); ++i) {
    const auto id = static_cast<FieldId>(i);
    std::string name(field_name(id));
    ASSERT_FALSE(name.empty());
    EXPECT_EQ(field_id(name), id) << name;
    for (char& c : name) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
    EXPECT_EQ(field_id(name), id) << name;
  }
}

TEST(FieldId, OthersAreOther) {
  for (const char* name : {"", "x", "hosts", "hos", "x_real_ip", "content-lengt", "x-forwarded"}) {
    EXPECT_EQ(field_id(name), FieldId::other) << name;
  }
}

TEST(HeaderMap, KeepsOrderAndCase) {
  HeaderMap headers;
  headers.add("Host", "a");
  headers.add("X-One", "1");
  headers.add("x-one", "2");
  EXPECT_EQ(text_of(headers), "Host=a;X-One=1;x-one=2;");
  EXPECT_EQ(headers.get("x-ONE"), "1");
  EXPECT_EQ(headers.get(FieldId::host), "a");
  EXPECT_EQ(headers.get("HOST"), "a");
  EXPECT_FALSE(headers.get("x-two"));
  EXPECT_EQ(headers.count(FieldId::host), 1u);
}

TEST(HeaderMap, SetReplacesAllAtThePlaceOfTheFirst) {
  HeaderMap headers;
  for (const auto& [name, value] : {std::pair{"a", "1"}, {"X-B", "2"}, {"c", "3"}, {"x-b", "4"}}) {
    headers.add(name, value);
  }
  headers.set("x-B", "5");
  EXPECT_EQ(text_of(headers), "a=1;x-B=5;c=3;");
  headers.set("d", "6");
  EXPECT_EQ(text_of(headers), "a=1;x-B=5;c=3;d=6;");
}

TEST(HeaderMap, RemoveTellsHowMany) {
  HeaderMap headers;
  headers.add("Via", "1");
  headers.add("a", "2");
  headers.add("via", "3");
  EXPECT_EQ(headers.remove("VIA"), 2u);
  EXPECT_EQ(headers.remove("via"), 0u);
  EXPECT_EQ(headers.remove("A"), 1u);
  EXPECT_TRUE(headers.empty());
}

TEST(HeaderMap, ViewsOutliveRemovalsAndMoves) {
  HeaderMap headers;
  headers.add("first", "value");
  const std::string_view view = *headers.get("first");
  for (int i = 0; i < 200; ++i) headers.add("filler", std::string(100, 'x'));
  headers.remove("first");
  const HeaderMap moved = std::move(headers);
  EXPECT_EQ(view, "value");
  EXPECT_EQ(moved.size(), 200u);
}

TEST(HeaderMap, OwnsTheTextsThatItIsTold) {
  std::string line = "Name: value\r\n";
  std::string text = "constant";
  HeaderMap headers;
  headers.add_line(FieldId::other, std::string_view(line).substr(0, 4),
                   std::string_view(line).substr(6, 5));
  headers.add_view(FieldId::user_agent, "User-Agent", text);
  headers.own_texts();
  line.assign(line.size(), '#');
  text.assign(text.size(), '#');
  EXPECT_EQ(text_of(headers), "Name=value;User-Agent=constant;");
  EXPECT_FALSE(headers[0].is_line);
  EXPECT_EQ(headers.get(FieldId::user_agent), "constant");
}

}  // namespace
}  // namespace weir::test
