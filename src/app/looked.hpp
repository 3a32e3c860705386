// A configuration that a command looks at, with its route table. Main thread; reads files.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/config/loader.hpp"
#include "weir/route/route_table.hpp"

namespace weir::app {

// A configuration and its route table, which points into it.
struct Compiled {
  config::Loaded loaded;
  std::optional<route::RouteTable> table;  // nothing when it does not compile
};

// What a configuration came to, and its files' texts for excerpts.
struct Looked {
  std::unique_ptr<Compiled> compiled;     // null when something is wrong
  std::vector<config::Problem> problems;  // errors, or warnings
  config::SourceTexts texts;

  void add(std::vector<config::Problem> errors) {
    problems = std::move(errors);
    compiled = nullptr;
  }
};

// Reads and compiles it.
Looked look_at(const std::string& config);

// Prints what is wrong; null if anything is.
std::unique_ptr<const Compiled> compile(const std::string& config);

}  // namespace weir::app
