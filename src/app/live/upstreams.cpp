// weir upstreams: where the requests of the running gateway go, and which endpoints are out and
// why.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "app/live/answer.hpp"
#include "app/live/asker.hpp"
#include "app/live/live_commands.hpp"
#include "app/live/print_answer.hpp"
#include "app/table.hpp"
#include "app/terminal.hpp"

namespace weir::app {
namespace {

// The breaker in a word, "" without one.
Cell breaker_cell(const json::object& breaker) {
  const std::string state = text_at(breaker, "state");
  if (state.empty()) return "";
  const std::string forced = text_at(breaker, "forced");
  const bool by_hand = !forced.empty() && forced != "off";
  return {state + (by_hand ? " by hand" : ""), state == "closed" ? Style::green : Style::red};
}

Cell endpoint_cell(const json::object& endpoint) {
  const std::string state = text_at(endpoint, "state");
  if (state != "ready") return {state, Style::yellow};
  if (flag_at(endpoint, "healthy")) return {state, Style::green};
  if (text_at(endpoint, "checks") == "unhealthy") return {"unhealthy", Style::red};
  if (flag_at(endpoint, "ejected")) return {"ejected", Style::red};
  return {"failing", Style::red};
}

// What the table has no room for, a line each.
void add_notes(const json::object& upstream, std::vector<std::string>& out) {
  const std::string name = text_at(upstream, "name");
  const json::object& breaker = object_at(upstream, "circuit_breaker");
  if (const std::string why = text_at(breaker, "why"); !why.empty()) {
    const double left = number_at(breaker, "retry_after");
    out.push_back(fmt::format("{}: circuit breaker {}: {}{}", name, text_at(breaker, "state"), why,
                              left > 0 ? "; tries again in " + time_text(left) : ""));
  }
  const json::object& shed = object_at(breaker, "shed");
  if (flag_at(shed, "active")) {
    out.push_back(fmt::format("{}: {} of its requests are refused: past its {}", name,
                              percent_text(number_at(shed, "share")), text_at(shed, "cause")));
  }
  if (flag_at(upstream, "panic")) {
    out.push_back(name + ": too few endpoints are healthy, their health is ignored");
  }
  for (const json::value& each : array_at(upstream, "endpoints")) {
    const json::object& endpoint = as_object(each);
    const std::string at = name + " " + text_at(endpoint, "address");
    if (const std::string why = text_at(endpoint, "why"); !why.empty()) {
      out.push_back(at + ": " + why);
    }
    const json::object& in_file = object_at(endpoint, "overridden");
    const double weight = number_at(in_file, "weight");
    if (!in_file.empty() && weight != number_at(endpoint, "weight")) {
      out.push_back(fmt::format("{}: weight {} by hand, the file has {}", at,
                                count_text(number_at(endpoint, "weight")), count_text(weight)));
    }
    const double effective = number_at(endpoint, "effective_weight");
    if (const std::string why = text_at(endpoint, "weight_why"); !why.empty()) {
      out.push_back(fmt::format("{}: weight {:.3g} ({}): {}", at, effective,
                                text_at(endpoint, "weight_source"), why));
    } else if (effective != 0 && effective < number_at(endpoint, "weight")) {
      out.push_back(fmt::format("{}: slow_start, its weight is {:.3g} now", at, effective));
    }
  }
  for (const json::value& each : array_at(upstream, "zones")) {
    const json::object& zone = as_object(each);
    const std::string named = text_at(zone, "zone");
    out.push_back(fmt::format(
        "{}: {}{}: {} of the requests, {} of {} endpoints in use", name,
        named.empty() ? "no zone" : "zone " + named, flag_at(zone, "local") ? " (here)" : "",
        percent_text(number_at(zone, "share")), count_text(number_at(zone, "in_use")),
        count_text(number_at(zone, "endpoints"))));
  }
  for (const json::value& each : array_at(upstream, "names")) {
    const json::object& looked_up = as_object(each);
    const std::string error = text_at(looked_up, "error");
    if (error.empty() || number_at(looked_up, "addresses") == 0) continue;
    out.push_back(fmt::format("{}: {}: {}; its last addresses are used", name,
                              text_at(looked_up, "name"), error));
  }
  if (const std::string error = text_at(object_at(upstream, "endpoints_from"), "error");
      !error.empty()) {
    out.push_back(name + ": " + error + "; the endpoints of before are used");
  }
  if (const std::string names = joined(array_at(upstream, "unresolved")); !names.empty()) {
    out.push_back(name + ": no address for " + names);
  }
}

void add_rows(const json::object& upstream, Table& table) {
  std::vector<Cell> begin{Cell(text_at(upstream, "name"), Style::bold),
                          breaker_cell(object_at(upstream, "circuit_breaker")),
                          count_text(number_at(upstream, "pending")),
                          percent_text(number_at(upstream, "saturation"))};
  for (const json::value& each : array_at(upstream, "endpoints")) {
    const json::object& endpoint = as_object(each);
    std::vector<Cell> row = std::exchange(begin, {"", "", "", ""});
    row.emplace_back(text_at(endpoint, "address"));
    row.push_back(endpoint_cell(endpoint));
    row.emplace_back(count_text(number_at(endpoint, "weight")));
    row.emplace_back(count_text(number_at(endpoint, "in_flight")));
    row.emplace_back(count_text(number_at(object_at(endpoint, "connections"), "idle")));
    table.add(std::move(row));
  }
  if (array_at(upstream, "endpoints").empty()) {
    begin.insert(begin.end(), {Cell("no endpoint", Style::red), "", "", "", ""});
    table.add(std::move(begin));
  }
}

void print_upstreams(const std::vector<const json::object*>& upstreams) {
  const Paint paint = Paint::for_fd(STDOUT_FILENO);
  Table table({{"UPSTREAM"},
               {"BREAKER"},
               {"WAITING", true},
               {"FULL", true},
               {"ENDPOINT"},
               {"STATE"},
               {"WEIGHT", true},
               {"IN FLIGHT", true},
               {"IDLE", true}});
  std::vector<std::string> notes;
  for (const json::object* upstream : upstreams) {
    add_rows(*upstream, table);
    add_notes(*upstream, notes);
  }
  fmt::print("{}", table.text(paint));
  if (!notes.empty()) fmt::print("\n");
  for (const std::string& note : notes) fmt::print("{}\n", printable(note));
}

}  // namespace

int live_upstreams(const LiveOptions& options, const std::string& name) {
  const auto asker = Asker::open("upstreams", options.admin);
  if (!asker) return asker.error();
  const auto body = asker->ask({.path = "/upstreams", .body = {}});
  if (!body) return body.error();
  const auto answer = parse_answer(*body);
  if (!answer || !answer->is_array()) return asker->fail("the answer is not a list of upstreams");
  std::vector<const json::object*> all;
  std::vector<std::string> names;
  for (const json::value& each : answer->get_array()) {
    all.push_back(&as_object(each));
    names.push_back(text_at(*all.back(), "name"));
  }
  if (!name.empty()) {
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) {
      const std::vector<std::string_view> known(names.begin(), names.end());
      return asker->fail(unknown_name("upstream", name, known), exit_unknown);
    }
    all = {all[static_cast<std::size_t>(found - names.begin())]};
  }
  if (options.json) {
    print_line(name.empty() ? *body : json::serialize(*all.front()));
  } else {
    print_upstreams(all);
  }
  return 0;
}

}  // namespace weir::app
