#include "app/terminal.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "app/table.hpp"

namespace weir::app {
namespace {

TEST(Terminal, APipeIsNone) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_FALSE(is_terminal(ends[1]));
  EXPECT_FALSE(wants_colour(ends[1]));
  EXPECT_FALSE(Paint::for_fd(ends[1]).coloured());
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_FALSE(is_terminal(-1));
}

TEST(Terminal, PaintsOnlyWhenColoured) {
  EXPECT_EQ(Paint(false)(Style::red, "no"), "no");
  EXPECT_EQ(Paint(true)(Style::red, "no"), "\x1b[31mno\x1b[0m");
  EXPECT_EQ(Paint(true)(Style::plain, "no"), "no");
}

TEST(Terminal, PrintableHasNoControls) {
  struct Row {
    std::string_view text;
    const char* shown;
  };
  const Row rows[]{
      {"plain", "plain"},
      {"a\x1b[2Jb", "a?[2Jb"},
      {"a\r\n\tb", "a???b"},
      {"\x7f", "?"},
      {"\xc2\x9b"
       "2J",
       "?2J"},  // CSI as one character
      {"Gr\xc3\xbc\xc3\x9f", "Gr\xc3\xbc\xc3\x9f"},
      {"\xc3", "?"},
      {"\xff"
       "a",
       "?a"},
      {std::string_view("a\0b", 3), "a?b"},
      {"", ""},
  };
  for (const Row& row : rows) EXPECT_EQ(printable(row.text), row.shown);
}

TEST(Terminal, WidthCountsCharacters) {
  EXPECT_EQ(width_of(""), 0u);
  EXPECT_EQ(width_of("abc"), 3u);
  EXPECT_EQ(width_of("\xc3\xbc\xe2\x82\xac"), 2u);
}

TEST(Table, AlignsItsColumns) {
  Table table({{"NAME"}, {"WEIGHT", true}, {"WHY"}});
  EXPECT_TRUE(table.empty());
  table.add({"\xc3\xbc", "5", ""});
  table.add({"longer", "1000000", "a\nb"});
  EXPECT_EQ(table.text(Paint(false)),
            "NAME     WEIGHT  WHY\n"
            "\xc3\xbc             5\n"
            "longer  1000000  a?b\n");
}

TEST(Table, LeavesOutAColumnOfNothing) {
  Table table({{"A"}, {"B"}, {"C"}});
  table.add({"1", "", "3"});
  EXPECT_EQ(table.text(Paint(false)), "A  C\n1  3\n");
}

TEST(Table, AStyleTakesNoWidth) {
  Table table({{"A"}, {"B"}});
  table.add({Cell("x", Style::green), "1"});
  table.add({"longer", "2"});
  EXPECT_EQ(table.text(Paint(true)),
            "\x1b[1mA\x1b[0m       \x1b[1mB\x1b[0m\n"
            "\x1b[32mx\x1b[0m       1\n"
            "longer  2\n");
}

}  // namespace
}  // namespace weir::app
