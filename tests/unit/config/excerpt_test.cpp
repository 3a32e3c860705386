#include <gtest/gtest.h>

#include <string>

#include "weir/config/problem.hpp"

namespace weir::config {
namespace {

Excerpt of(const std::string& text, int line, int column) {
  const auto out = excerpt({{"a.yaml", text}}, {"a.yaml", line, column});
  EXPECT_TRUE(out);
  return out.value_or(Excerpt{});
}

TEST(Excerpt, HasTheCaretUnderThePlace) {
  const struct {
    const char* name;
    std::string text;
    int line, column;
    std::string shown;
    std::size_t caret;
  } rows[] = {
      {"first", "abc\n", 0, 0, "abc", 0},
      {"third line", "a\nb\n  key: x\n", 2, 7, "  key: x", 7},
      {"behind the end", "abc", 0, 9, "abc", 3},
      {"DOS line", "a: b\r\nc", 0, 3, "a: b", 3},
      {"byte order mark",
       "\xEF\xBB\xBF"
       "a: b",
       0, 3, "a: b", 3},
      {"tab", "a:\tb", 0, 3, "a:    b", 6},
      {"two bytes", "\xC3\xA9: b", 0, 3, "\xC3\xA9: b", 3},
      {"wide", "\xE6\x9D\xB1: b", 0, 3, "\xE6\x9D\xB1: b", 4},
      {"control", "a: \x1b[31mb", 0, 3, "a: ?[31mb", 3},
      {"C1",
       "a: \xC2\x9B"
       "b",
       0, 4, "a: ?b", 4},
      {"no UTF-8",
       "a: \xFF"
       "b",
       0, 4, "a: ?b", 4},
      {"secret", "keys: {secret: abc, x: y}", 0, 20, "keys: {secret: ***, x: y}", 20},
      {"quoted secret", "secret: \"a, b\" # c", 0, 0, "secret: \"****\" # c", 0},
      {"authorization", "set: {Authorization: Bearer x}", 0, 0, "set: {Authorization: ********}",
       0},
      {"file of a secret", "secret_file: a.key", 0, 0, "secret_file: a.key", 0},
      {"mapping called so", "token: {header: x}", 0, 0, "token: {header: x}", 0},
  };
  for (const auto& row : rows) {
    const Excerpt found = of(row.text, row.line, row.column);
    EXPECT_EQ(found.line, row.shown) << row.name;
    EXPECT_EQ(found.caret, row.caret) << row.name;
  }
}

TEST(Excerpt, OfALongLineIsCutAroundThePlace) {
  std::string text(100'000, 'a');
  text += "HERE";
  text.append(100'000, 'b');
  const Excerpt found = of(text, 0, 100'000);
  EXPECT_LE(found.line.size(), 110u);
  EXPECT_EQ(found.line.substr(found.caret, 4), "HERE");
  EXPECT_TRUE(found.line.starts_with("...a"));
  EXPECT_TRUE(found.line.ends_with("b..."));
}

TEST(Excerpt, IsNothingOfWhatIsNotThere) {
  EXPECT_FALSE(excerpt({{"a.yaml", "x"}}, {"b.yaml", 0, 0}));
  EXPECT_FALSE(excerpt({{"a.yaml", "x"}}, {"a.yaml", 1, 0}));
  EXPECT_FALSE(excerpt({}, {}));
}

TEST(Problem, HasARemedyWhereTheMessageHas) {
  const struct {
    std::string message, remedy;
  } rows[] = {
      {"must be above 0", ""},
      {"'5' is not a duration; write 5s", "write 5s"},
      {"'a; b' is wrong", ""},
      {"'a; b' is wrong; write c", "write c"},
      {"clients' own key; remove it", "remove it"},
      {"unknown upstream 'a' (did you mean 'b'?)", "did you mean 'b'?"},
      {"unknown key 'a' (known: b, c)", ""},
  };
  for (const auto& row : rows) {
    EXPECT_EQ((Problem{{}, "", row.message}.remedy()), row.remedy) << row.message;
  }
}

TEST(Problem, IsOneLineAndOneJsonObject) {
  const Problem warning{{"a.yaml", 1, 2}, "routes[0]", "is \"dead\"", WarningName::dead_route};
  EXPECT_EQ(warning.to_string(), "a.yaml:2:3: routes[0]: is \"dead\" [dead-route]");
  const Problem error{{}, "", "no memory"};
  EXPECT_EQ(error.to_string(), "no memory");
  const std::string json = to_json("a.yaml", std::vector{warning, error});
  EXPECT_TRUE(json.contains("\"message\": \"is \\\"dead\\\"\"")) << json;
  EXPECT_TRUE(json.contains("\"line\": 2")) << json;
  EXPECT_TRUE(json.contains("\"line\": null")) << json;
  EXPECT_TRUE(json.contains("\"valid\": false")) << json;
}

TEST(WarningNames, ReadBackAsThemselves) {
  for (const std::string_view name : warning_names()) {
    const auto parsed = parse_warning_name(name);
    ASSERT_TRUE(parsed) << name;
    EXPECT_EQ(to_text(*parsed), name);
  }
  EXPECT_FALSE(parse_warning_name(""));
  EXPECT_FALSE(parse_warning_name("dead_route"));
}

}  // namespace
}  // namespace weir::config
