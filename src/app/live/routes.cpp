// weir routes --live: the route table of the running gateway, with the splits in force.
#include <fmt/format.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "app/live/answer.hpp"
#include "app/live/asker.hpp"
#include "app/live/live_commands.hpp"
#include "app/live/print_answer.hpp"
#include "app/table.hpp"
#include "app/terminal.hpp"

namespace weir::app {
namespace {

void print_routes(const json::value& answer) {
  Table table({{"ROUTE"}, {"MATCH"}, {"ACTION"}, {"MIDDLEWARE"}});
  std::vector<std::string> notes;
  const json::array none;
  for (const json::value& each : answer.is_array() ? answer.get_array() : none) {
    const json::object& route = as_object(each);
    const std::string name = text_at(route, "name");
    table.add({Cell(name, Style::bold), text_at(route, "match"), text_at(route, "action"),
               joined(array_at(route, "middleware"))});
    const json::object& in_file = object_at(object_at(route, "overridden"), "split");
    std::string weights;
    for (const auto& [upstream, weight] : in_file) {
      weights += fmt::format("{}{}={}", weights.empty() ? "" : " ", std::string_view(upstream),
                             json::serialize(weight));
    }
    if (!weights.empty()) {
      notes.push_back(name + ": the split was set by hand, the file has " + weights);
    }
    if (const std::string names = joined(array_at(route, "redirect_https")); !names.empty()) {
      notes.push_back(name + ": requests in plain text are sent to https first on " + names);
    }
  }
  fmt::print("{}", table.text(Paint::for_fd(STDOUT_FILENO)));
  if (!notes.empty()) fmt::print("\n");
  for (const std::string& note : notes) fmt::print("{}\n", printable(note));
}

}  // namespace

int live_routes(const LiveOptions& options) {
  const auto asker = Asker::open("routes", options.admin);
  if (!asker) return asker.error();
  return print_answer(*asker, {.path = "/routes", .body = {}}, options.json, print_routes);
}

}  // namespace weir::app
