// check, explain, routes and schema: a configuration is looked at, nothing starts.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <utility>

#include "app/commands.hpp"
#include "app/configuration.hpp"
#include "app/header_line.hpp"
#include "app/looked.hpp"
#include "app/report.hpp"
#include "weir/config/loader.hpp"
#include "weir/server/explain.hpp"
#include "weir/server/load_checks.hpp"
#include "weir/server/route_tests.hpp"

namespace weir::app {

int complain(const std::string& line, int exit_code) {
  fmt::print(stderr, "{}\n", line);
  return exit_code;
}

int check(const std::string& config, bool json, bool with_tests) {
  Looked looked = look_at(config);
  if (looked.compiled) {
    config::Loaded& loaded = looked.compiled->loaded;
    auto errors = server::check_loaded(loaded);
    if (with_tests) {
      std::ranges::move(server::failed_tests(loaded.config, *looked.compiled->table),
                        std::back_inserter(errors));
    }
    looked.problems = std::move(loaded.warnings);
    looked.problems.insert(looked.problems.end(), std::make_move_iterator(errors.begin()),
                           std::make_move_iterator(errors.end()));
  }
  const bool valid = std::ranges::all_of(looked.problems, &config::Problem::is_warning);
  if (json) {
    fmt::print("{}", config::to_json(shown_name(config), looked.problems));
  } else {
    print_problems(stderr, looked.problems, looked.texts);
    if (valid) fmt::print("{}: valid\n", shown_name(config));
  }
  return valid ? 0 : 1;
}

int explain(const std::string& config, server::ExplainRequest request,
            const std::vector<std::string>& header_lines, bool json) {
  for (const std::string& line : header_lines) {
    auto field = parse_header_line(line);
    if (!field) return complain("weir: -H: expected 'name: value', not '" + line + "'", exit_usage);
    request.headers.push_back(std::move(*field));
  }
  const auto compiled = compile(config);
  if (compiled == nullptr) return 1;
  const auto explanation = server::explain(compiled->loaded.config, *compiled->table, request);
  if (!explanation) return complain("weir: " + explanation.error(), exit_usage);
  fmt::print("{}", json ? explanation->to_json() + "\n" : explanation->to_text());
  return explanation->routed ? 0 : 3;
}

int routes(const std::string& config) {
  const auto compiled = compile(config);
  if (compiled == nullptr) return 1;
  using Row = std::array<std::string, 4>;
  std::vector<Row> rows{{"ROUTE", "MATCH", "ACTION", "MIDDLEWARE"}};
  for (const std::uint32_t index : compiled->table->order()) {
    const config::Route& route = compiled->loaded.config.routes[index];
    rows.push_back({route.name, server::match_text(route.match), server::action_text(route),
                    fmt::format("{}", fmt::join(route.middleware, ", "))});
  }
  std::array<std::size_t, 3> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const Row& row : rows) {
    std::string line = fmt::format("{:<{}}  {:<{}}  {:<{}}  {}", row[0], widths[0], row[1],
                                   widths[1], row[2], widths[2], row[3]);
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
  }
  for (const config::Listener& each : compiled->loaded.config.listeners) {
    if (!each.redirect_https) continue;
    fmt::print("listener {}: every request in plain text is sent to https ({}) before these\n",
               each.name, each.redirect_https->status);
  }
  return 0;
}

int schema() {
  std::string text = config::json_schema();
  if (!text.ends_with('\n')) text += '\n';
  fmt::print("{}", text);
  return 0;
}

}  // namespace weir::app
