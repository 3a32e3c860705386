// weir status: how the running gateway is.
#include <fmt/format.h>
#include <unistd.h>

#include <string>

#include "app/live/answer.hpp"
#include "app/live/asker.hpp"
#include "app/live/live_commands.hpp"
#include "app/live/print_answer.hpp"
#include "app/table.hpp"
#include "app/terminal.hpp"

namespace weir::app {
namespace {

Style style_of_state(const std::string& state) {
  return state == "ready" ? Style::green : Style::yellow;
}

std::string configuration_line(const json::object& status) {
  std::string out = "generation " + count_text(number_at(status, "generation"));
  const json::object& reload = object_at(status, "last_reload");
  if (reload.empty()) return out + ", not reloaded since the start";
  return out + (flag_at(reload, "successful") ? ", reloaded at " : ", a reload was refused at ") +
         text_at(reload, "time");
}

std::string requests_line(const json::object& requests) {
  const json::object& rates = object_at(requests, "per_second");
  std::string out = fmt::format(
      "{} (5xx {}, refused {}), {} in flight, {} in all", rate_text(number_at(rates, "all")),
      rate_text(number_at(rates, "server_errors")), rate_text(number_at(rates, "refused")),
      count_text(number_at(requests, "in_flight")), count_text(number_at(requests, "total")));
  const double tunnels = number_at(requests, "tunnels");
  return tunnels > 0 ? out + ", " + count_text(tunnels) + " tunnels" : out;
}

std::string saturation_line(const json::object& saturation) {
  std::string workers;
  std::size_t shown = 0;
  for (const json::value& each : array_at(saturation, "workers")) {
    if (shown++ == 8) {  // of many the first tell enough
      workers += " ...";
      break;
    }
    workers += (workers.empty() ? "" : " ") +
               percent_text(each.is_number() ? each.to_number<double>() : 0.0);
  }
  return fmt::format("{} (workers {}; connections {})",
                     percent_text(number_at(saturation, "ratio")), workers,
                     percent_text(number_at(saturation, "connections")));
}

std::string level_text(const json::object& log) {
  const double left = number_at(log, "seconds_left");
  return text_at(log, "level") + (left > 0 ? fmt::format(" for {} more", time_text(left)) : "");
}

std::string log_line(const json::object& log) {
  const std::string in_file = text_at(log, "file_level");
  std::string out =
      text_at(log, "level") == in_file ? in_file : level_text(log) + ", the file has " + in_file;
  for (const auto& [component, level] : object_at(log, "components")) {
    out += fmt::format("; {} {}", std::string_view(component), level_text(as_object(level)));
  }
  return out;
}

void print_listeners(const json::object& status, Paint paint) {
  Table table({{"LISTENER"}, {"ADDRESS"}, {"TLS"}, {"CONNECTIONS", true}});
  for (const json::value& each : array_at(status, "listeners")) {
    const json::object& listener = as_object(each);
    table.add({text_at(listener, "name"), joined(array_at(listener, "addresses")),
               flag_at(listener, "tls") ? "tls" : "",
               count_text(number_at(listener, "connections"))});
  }
  fmt::print("\n{}", table.text(paint));
}

void print_status(const json::object& status, const AdminTarget& target) {
  const Paint paint = Paint::for_fd(STDOUT_FILENO);
  const std::string state = text_at(status, "state");
  fmt::print("weir {} at {}: {}, up {}\n", printable(text_at(status, "version")),
             target.to_string(), paint(style_of_state(state), printable(state)),
             time_text(number_at(status, "uptime_seconds")));
  const auto line = [&](const char* name, const std::string& text) {
    fmt::print("{:<15}{}\n", name, printable(text));
  };
  line("configuration", configuration_line(status));
  line("requests", requests_line(object_at(status, "requests")));
  const json::object& connections = object_at(status, "connections");
  line("connections", fmt::format("{} of {}", count_text(number_at(connections, "active")),
                                  count_text(number_at(connections, "limit"))));
  line("saturation", saturation_line(object_at(status, "saturation")));
  line("log level", log_line(object_at(status, "log")));
  print_listeners(status, paint);
  const json::array& warnings = array_at(status, "warnings");
  if (!warnings.empty()) fmt::print("\n");
  for (const json::value& each : warnings) {
    fmt::print("{}: {}\n", paint(Style::yellow, "warning"),
               printable(text_at(as_object(each), "text")));
  }
}

}  // namespace

int live_status(const LiveOptions& options) {
  const auto asker = Asker::open("status", options.admin);
  if (!asker) return asker.error();
  return print_answer(*asker, {.path = "/status", .body = {}}, options.json,
                      [&](const json::value& answer) {
                        print_status(as_object(answer), asker->client().target());
                      });
}

}  // namespace weir::app
