#include "server/text_diff.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>

namespace weir::server {
namespace {

TEST(LineDiff, TellsWhatDiffers) {
  struct Row {
    const char* name;
    const char* from;
    const char* to;
    const char* diff;
  };
  const Row rows[] = {
      {"nothing", "", "", ""},
      {"equal", "a\nb\n", "a\nb\n", ""},
      {"a last line without its end", "a\nb", "a\nb\n", ""},
      {"all new", "", "a\nb\n", "+ a\n+ b\n"},
      {"all gone", "a\nb\n", "", "- a\n- b\n"},
      {"one changed", "a\nb\nc\n", "a\nB\nc\n", "- b\n+ B\n"},
      {"one added in between", "a\nc\n", "a\nb\nc\n", "+ b\n"},
      {"one taken from the start", "a\nb\n", "b\n", "- a\n"},
      {"one added at the end", "a\n", "a\nb\n", "+ b\n"},
      {"one of many that are alike", "a\na\na\n", "a\na\n", "- a\n"},
      {"two changes apart", "a\nx\nb\ny\nc\n", "a\nX\nb\nY\nc\n", "- x\n+ X\n- y\n+ Y\n"},
      {"an empty line", "a\n\nb\n", "a\nb\n", "- \n"},
      {"moved", "a\nb\nc\n", "b\nc\na\n", "- a\n+ a\n"},
      {"spaces count", "a: 1\n", " a: 1\n", "- a: 1\n+  a: 1\n"},
  };
  for (const Row& row : rows) EXPECT_EQ(line_diff(row.from, row.to), row.diff) << row.name;
}

// Applying what was told to the first text gives the second: common lines aside, the "-" lines are
// the first's and the "+" lines the second's, in order.
TEST(LineDiff, EveryLineIsToldOrCommon) {
  unsigned seed = 1;
  const auto random_text = [&] {
    std::string out;
    for (int i = 0; i < 12; ++i) {
      seed = seed * 1103515245 + 12345;
      if ((seed >> 16) % 4 != 0)
        out += std::string(1, static_cast<char>('a' + (seed >> 20) % 3)) + "\n";
    }
    return out;
  };
  for (int round = 0; round < 300; ++round) {
    const std::string from = random_text();
    const std::string to = random_text();
    const auto lines = [](const std::string& text) { return std::ranges::count(text, '\n'); };
    std::ptrdiff_t gone = 0;
    std::ptrdiff_t came = 0;
    std::istringstream told(line_diff(from, to));
    for (std::string line; std::getline(told, line);) {
      ASSERT_TRUE(line.starts_with("- ") || line.starts_with("+ ")) << line;
      ++(line[0] == '-' ? gone : came);
    }
    EXPECT_EQ(lines(from) - gone, lines(to) - came) << from << "to\n" << to;
  }
}

TEST(LineDiff, LargeMiddlesAreToldWhole) {
  std::string from = "head\n";
  std::string to = "head\n";
  for (int i = 0; i < 3000; ++i) {
    from += "from " + std::to_string(i) + "\n";
    to += "to " + std::to_string(i) + "\n";
  }
  const std::string diff = line_diff(from + "tail\n", to + "tail\n");
  EXPECT_EQ(std::ranges::count(diff, '\n'), 6000);
  EXPECT_TRUE(diff.starts_with("- from 0\n"));
  EXPECT_TRUE(diff.ends_with("+ to 2999\n"));
}

}  // namespace
}  // namespace weir::server
