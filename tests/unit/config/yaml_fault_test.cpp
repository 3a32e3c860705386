// What is said of texts that are no YAML: in plain words, at the place where their writer looks.
#include <gtest/gtest.h>

#include <string>

#include "weir/config/loader.hpp"

namespace weir::config {
namespace {

struct FaultRow {
  const char* name;
  std::string text;
  std::string place;  // "line:column", from 1
  std::string words;  // a part of the message
};

void expect_faults(const std::vector<FaultRow>& rows) {
  for (const FaultRow& row : rows) {
    const auto loaded = load_text(row.text);
    ASSERT_FALSE(loaded) << row.name;
    ASSERT_EQ(loaded.error().size(), 1u) << row.name;
    const std::string line = loaded.error().front().to_string();
    EXPECT_TRUE(line.starts_with("weir.yaml:" + row.place + ": ")) << row.name << ": " << line;
    EXPECT_TRUE(line.contains(row.words)) << row.name << ": " << line;
    for (const char* raw : {"illegal", "not found", "unknown token", "end of map"}) {
      EXPECT_FALSE(line.contains(raw)) << row.name << ": " << line;
    }
  }
}

TEST(YamlFaults, OfIndentation) {
  expect_faults({
      {"tab", "a:\n\tb: c\n", "2:1", "a tab indents this line"},
      {"tab before a list", "a:\n\t- b\n", "2:1", "a tab indents this line"},
      {"too little", "a:\n  - b: 1\n - c: 2\n", "3:2", "begins in column 2, where no block"},
      {"too much", "a: b\n  c: d\n", "2:3", "the line above has its value already"},
      {"a list on the line", "a: - b\n", "1:4", "write it on the next one"},
  });
}

TEST(YamlFaults, OfQuotesAndBrackets) {
  expect_faults({
      {"no end", "a: \"b\nc: d\n", "1:4", "is not closed; write \" at the end"},
      {"no end before another", "a: \"b\nc: \"d\"\n", "1:4", "is closed only in line 2"},
      {"text behind", "a: \"b\" c\n", "1:8", "after the closing quote"},
      {"an apostrophe", "a: 'it's'\n", "1:8", "after the closing quote"},
      {"a list without end", "a: [b,\nc: d\n", "1:4", "'[' has no ']'"},
      {"a mapping without end", "a: {b: c\nd: e\n", "1:4", "'{' has no '}'"},
      {"the other bracket", "a: [b, c}\n", "1:9", "'}' does not close the '[' of line 1, column 4"},
      {"one too many", "a: [b]]\n", "1:7", "']' closes nothing"},
      {"braces", "a: {b: /x/{y}}\n", "1:11", "needs quotes"},
      {"a comma is missing", "a: {b: c d: e}\n", "1:11", "a comma"},
      {"an escape", "a: \"\\d\"\n", "1:5", "begins an escape"},
  });
}

TEST(YamlFaults, OfKeysAndValues) {
  expect_faults({
      {"a second colon", "a: b: c\n", "1:5", "put the text in quotes"},
      {"no space behind the colon", "a:\n  b:c\n  d: e\n", "2:4", "a space is missing"},
      {"no colon", "a: b\nc\nd: e\n", "2:1", "'c' has no ':'"},
      {"an at sign", "a: @b\n", "1:4", "cannot begin with '@'"},
      {"a percent sign", "a: %b\n", "1:4", "cannot begin with '%'"},
      {"a backtick", "a: `b`\n", "1:4", "cannot begin with a backtick"},
      {"a star", "a: *.b\n", "1:4", "begins with '*' needs quotes"},
      {"an ampersand", "a: & b\n", "1:4", "begins with '&' needs quotes"},
      {"text behind a bar", "a: >b\n  c\n", "1:5", "begins on the next line"},
      {"a cycle", "a: &x {b: *x}\n", "1:11", "is inside the value that it refers to"},
      {"two documents", "a: 1\n---\nb: 2\n", "2:1", "a second document"},
      {"bytes", "a: \xE9\n", "1:4", "not text in UTF-8"},
      {"bytes behind characters", "\xC3\xA9\xC3\xA9: \xE9\n", "1:5", "not text in UTF-8"},
      {"nothing", "", "1:1", "there is nothing in this file"},
      {"comments", "# a\n", "1:1", "there is nothing in this file"},
  });
}

TEST(ForeignFiles, AreRecognised) {
  const std::vector<FaultRow> rows{
      {"nginx", "events {}\nhttp {\n  server { listen 80; }\n}\n", "1:1",
       "this is a configuration of nginx"},
      {"a part of nginx's", "# x\nserver {\n  listen 80;\n}\n", "2:1",
       "this is a configuration of nginx"},
      {"Caddy", "example.com {\n  reverse_proxy a:80\n}\n", "1:1",
       "this is a configuration of Caddy"},
      {"HAProxy", "global\n  maxconn 9\nfrontend a\n  bind :80\n", "1:1",
       "this is a configuration of HAProxy"},
      {"Envoy", "admin: {}\nstatic_resources: {}\n", "2:1", "this is a configuration of Envoy"},
      {"Traefik", "http: {routers: {}}\n", "1:1", "this is a configuration of Traefik"},
      {"Traefik's TOML", "[entryPoints.web]\naddress = \":80\"\n", "1:1",
       "this is a configuration of Traefik"},
      {"Kubernetes", "apiVersion: v1\nkind: ConfigMap\n", "1:1",
       "this is a configuration of Kubernetes"},
  };
  expect_faults(rows);
}

}  // namespace
}  // namespace weir::config
