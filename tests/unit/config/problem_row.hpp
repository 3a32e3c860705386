// Rows of wrong configurations and what is said about them.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "weir/config/loader.hpp"

namespace weir::config {

// Where a row's text is put; the rest of the document is right.
enum class Kind { document, root, listener, middleware, route, upstream };

struct ProblemRow {
  std::string_view name;
  Kind kind;
  std::string_view text;
  // "line:column: path: message", lines and columns from 0, as Place holds them.
  std::vector<std::string> problems;
};

inline std::string indented(std::string_view text, std::size_t by) {
  std::string out(by, ' ');
  for (const char c : text) {
    out += c;
    if (c == '\n') out.append(by, ' ');
  }
  return out + "\n";
}

inline std::string document_of(const ProblemRow& row) {
  const std::string version = "version: 1\n";
  const std::string listeners = "listeners: [{name: http, bind: '127.0.0.1:8080'}]\n";
  const std::string routes = "routes: [{name: first, match: {}, upstream: app}]\n";
  const std::string upstreams = "upstreams: {app: {endpoints: [{address: 'a:1'}]}}\n";
  switch (row.kind) {
    case Kind::document:
      return std::string(row.text);
    case Kind::root:
      return version + listeners + routes + upstreams + std::string(row.text) + "\n";
    case Kind::listener:
      return version + routes + upstreams +
             "listeners:\n  - {name: http, bind: '127.0.0.1:8080'}\n  -\n" + indented(row.text, 4);
    case Kind::middleware:
      return version + listeners + routes + upstreams + "middleware:\n" + indented(row.text, 2);
    case Kind::route:
      return version + listeners + upstreams +
             "routes:\n  - {name: first, match: {}, upstream: app}\n  - name: r\n" +
             indented(row.text, 4);
    case Kind::upstream:
      return version + listeners + routes + "upstreams:\n  app:\n" + indented(row.text, 4);
  }
  return "";
}

// What loading `document` complains about, without the file's name and counted from 0.
inline std::vector<std::string> problems_of(const std::string& document) {
  const auto loaded = load_text(document);
  std::vector<std::string> out;
  if (loaded) return out;
  for (const Problem& problem : loaded.error()) {
    const Place& place = problem.place;
    std::string line = std::to_string(place.line) + ":" + std::to_string(place.column) + ": ";
    if (place.file != "weir.yaml") line.insert(0, place.file + ":");
    if (!problem.path.empty()) line += problem.path + ": ";
    out.push_back(line + problem.message);
  }
  return out;
}

inline void expect_problems(const std::vector<ProblemRow>& rows) {
  for (const ProblemRow& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(problems_of(document_of(row)), row.problems);
  }
}

}  // namespace weir::config
