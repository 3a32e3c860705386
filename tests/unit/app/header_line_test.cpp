#include "app/header_line.hpp"

#include <gtest/gtest.h>

#include <ostream>

namespace weir::app {
namespace {

struct Row {
  const char* name;
  std::string_view line;
  const char* field;  // null: refused
  const char* value;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class HeaderLine : public testing::TestWithParam<Row> {};

TEST_P(HeaderLine, IsTakenApart) {
  const Row& row = GetParam();
  const auto got = parse_header_line(row.line);
  ASSERT_EQ(got.has_value(), row.field != nullptr);
  if (!got) return;
  EXPECT_EQ(got->first, row.field);
  EXPECT_EQ(got->second, row.value);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, HeaderLine,
    testing::Values(
        Row{"plain", "Host: api.test", "Host", "api.test"}, Row{"no_blank", "a:b", "a", "b"},
        Row{"blanks_around", "a: \t b c\t ", "a", "b c"},
        Row{"colons_in_the_value", "a: b:c: d", "a", "b:c: d"}, Row{"empty_value", "a:", "a", ""},
        Row{"tab_within", "a: b\tc", "a", "b\tc"}, Row{"no_colon", "a b", nullptr, nullptr},
        Row{"no_name", ": b", nullptr, nullptr}, Row{"empty", "", nullptr, nullptr},
        Row{"blank_before_colon", "a : b", nullptr, nullptr},
        Row{"blank_in_name", "a b: c", nullptr, nullptr},
        Row{"newline", "a: b\nc: d", nullptr, nullptr}, Row{"return", "a: b\rc", nullptr, nullptr},
        Row{"nul", std::string_view("a: b\0c", 6), nullptr, nullptr},
        Row{"delete", "a: b\x7f", nullptr, nullptr}, Row{"latin1", "a: caf\xe9", "a", "caf\xe9"}),
    [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace weir::app
