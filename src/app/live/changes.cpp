// The commands that change a running gateway: each is one request to its admin address, and says
// what is in force now and what takes it back.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/commands.hpp"
#include "app/live/answer.hpp"
#include "app/live/asker.hpp"
#include "app/live/live_commands.hpp"
#include "app/live/print_answer.hpp"
#include "weir/base/text.hpp"
#include "weir/config/duration.hpp"

namespace weir::app {
namespace {

// A reload waits for names and opens every file.
constexpr Duration reload_patience = std::chrono::seconds(60);
// The new process has 30 s to get ready, unless WEIR_UPGRADE_TIMEOUT of the old one says otherwise.
constexpr Duration upgrade_patience = std::chrono::seconds(90);

std::vector<std::string> names_in(const Asker& asker, const char* path) {
  std::vector<std::string> out;
  const auto reply = asker.client().ask({.path = path, .body = {}});
  const auto answer = reply ? parse_answer(reply->body) : std::nullopt;
  if (!answer || !answer->is_array()) return out;
  for (const json::value& each : answer->get_array()) {
    out.push_back(text_at(as_object(each), "name"));
  }
  return out;
}

std::vector<std::string> addresses_of(const Asker& asker, std::string_view upstream) {
  std::vector<std::string> out;
  const auto reply = asker.client().ask({.path = "/upstreams", .body = {}});
  const auto answer = reply ? parse_answer(reply->body) : std::nullopt;
  if (!answer || !answer->is_array()) return out;
  for (const json::value& each : answer->get_array()) {
    if (text_at(as_object(each), "name") != upstream) continue;
    for (const json::value& endpoint : array_at(as_object(each), "endpoints")) {
      out.push_back(text_at(as_object(endpoint), "address"));
    }
  }
  return out;
}

int unknown(const Asker& asker, std::string_view kind, std::string_view name,
            const std::vector<std::string>& known) {
  const std::vector<std::string_view> views(known.begin(), known.end());
  return asker.fail(unknown_name(kind, name, views), exit_unknown);
}

int unknown_route(const Asker& asker, const std::string& route) {
  return unknown(asker, "route", route, names_in(asker, "/routes"));
}

int unknown_upstream(const Asker& asker, const std::string& upstream) {
  return unknown(asker, "upstream", upstream, names_in(asker, "/upstreams"));
}

// Sends a change that answers 204: 0 and `done` printed; `not_found` says what a 404 means.
int change(const Asker& asker, const AdminQuestion& question, const std::string& done,
           const std::function<int()>& not_found) {
  const auto reply = asker.reply(question);
  if (!reply) return reply.error();
  if (reply->status == 404) return not_found();
  if (reply->status != 204) return asker.refused(*reply);
  print_line(done);
  return 0;
}

int post(const char* command, const AdminOptions& admin, const char* done) {
  const auto asker = Asker::open(command, admin);
  if (!asker) return asker.error();
  const auto body = asker->ask({.method = "POST", .path = std::string("/") + command, .body = {}});
  if (!body) return body.error();
  print_line(done);
  return 0;
}

}  // namespace

int live_reload(const LiveOptions& options) {
  const auto asker = Asker::open("reload", options.admin, reload_patience);
  if (!asker) return asker.error();
  const auto reply = asker->reply({.method = "POST", .path = "/reload", .body = {}});
  if (!reply) return reply.error();
  if (reply->status == 422) {
    asker->fail("refused, so nothing has changed:");
    return complain(reply->body.substr(0, reply->body.find_last_not_of('\n') + 1), exit_failed);
  }
  if (reply->status != 200) return asker->refused(*reply);
  const auto answer = parse_answer(reply->body);
  if (options.json || !answer) {
    print_line(reply->body);
  } else {
    const json::object& told = as_object(*answer);
    const std::string changes = text_at(told, "changes");
    std::string line = "reloaded: generation " + count_text(number_at(told, "generation"));
    if (!changes.empty()) line += ", " + changes;
    if (told.contains("rolled_back_to")) {
      line += "; rolled back to generation " + count_text(number_at(told, "rolled_back_to")) +
              ", as the configuration's source has not changed since";
    }
    print_line(line);
  }
  return 0;
}

int live_upgrade(const LiveOptions& options) {
  const auto asker = Asker::open("upgrade", options.admin, upgrade_patience);
  if (!asker) return asker.error();
  const auto reply = asker->reply({.method = "POST", .path = "/upgrade", .body = {}});
  if (!reply) return reply.error();
  if (reply->status == 422) {
    asker->fail("refused, so the old process serves on:");
    return complain(reply->body.substr(0, reply->body.find_last_not_of('\n') + 1), exit_failed);
  }
  if (reply->status != 200) return asker->refused(*reply);
  const auto answer = parse_answer(reply->body);
  if (options.json || !answer) {
    print_line(reply->body);
    return 0;
  }
  const json::object& done = as_object(*answer);
  print_line(fmt::format("handed over to process {} (weir {}); the old one drains, for {} at most",
                         fmt::format("{:.0f}", number_at(done, "pid")), text_at(done, "version"),
                         time_text(number_at(done, "drain_seconds"))));
  return 0;
}

int live_drain(const AdminOptions& admin) {
  return post("drain", admin,
              "draining: /readyz answers 503, and answers close their connections; weir undrain "
              "takes it back");
}

int live_undrain(const AdminOptions& admin) {
  return post("undrain", admin, "not draining any more");
}

int live_split(const AdminOptions& admin, const std::string& route,
               const std::vector<std::string>& weights) {
  json::object body;
  for (const std::string& each : weights) {
    const std::size_t equals = each.rfind('=');
    const auto weight = equals == std::string::npos
                            ? std::nullopt
                            : parse_decimal(std::string_view(each).substr(equals + 1));
    if (!weight || equals == 0) {
      return complain("weir: split: '" + each + "' is not UPSTREAM=WEIGHT, such as v1=50",
                      exit_usage);
    }
    const std::string name = each.substr(0, equals);
    if (!body.emplace(name, *weight).second) {
      return complain("weir: split: '" + name + "' is given twice", exit_usage);
    }
  }
  const auto asker = Asker::open("split", admin);
  if (!asker) return asker.error();
  const bool reset = weights.empty();
  std::string done = route + ":";
  for (const std::string& each : weights) done += " " + each;
  done += reset ? " the file's weights are in force again"
                : ", until the split changes in the file or weir split " + route + " --reset";
  return change(*asker,
                {.method = reset ? "DELETE" : "PUT",
                 .path = "/routes/" + path_segment(route) + "/split",
                 .body = reset ? "" : json::serialize(body)},
                done, [&] { return unknown_route(*asker, route); });
}

int live_endpoint(const AdminOptions& admin, const std::string& upstream,
                  const std::string& address, const EndpointWord& word) {
  const bool reset = word.state.empty() && !word.weight;
  json::object body;
  std::string done = upstream + " " + address + ":";
  if (!word.state.empty()) {
    body["state"] = word.state;
    done += " " + word.state;
  }
  if (word.weight) {
    body["weight"] = *word.weight;
    done += fmt::format("{} weight {}", body.size() == 1 ? "" : ",", *word.weight);
  }
  done += reset ? " ready, with the file's weight"
                : fmt::format(", until weir endpoint {} {} --reset", upstream, address);
  const auto asker = Asker::open("endpoint", admin);
  if (!asker) return asker.error();
  return change(
      *asker,
      {.method = reset ? "DELETE" : "PUT",
       .path = "/upstreams/" + path_segment(upstream) + "/endpoints/" + path_segment(address),
       .body = reset ? "" : json::serialize(body)},
      done, [&] {
        const std::vector<std::string> upstreams = names_in(*asker, "/upstreams");
        if (std::ranges::find(upstreams, upstream) == upstreams.end()) {
          return unknown(*asker, "upstream", upstream, upstreams);
        }
        return unknown(*asker, "endpoint", address, addresses_of(*asker, upstream));
      });
}

int live_breaker(const AdminOptions& admin, const std::string& upstream, const std::string& force) {
  const auto asker = Asker::open("breaker", admin);
  if (!asker) return asker.error();
  const std::string done =
      force == "off" ? upstream + ": the circuit breaker decides by itself again"
                     : fmt::format("{}: the circuit breaker is held {}, until weir breaker {} off",
                                   upstream, force, upstream);
  return change(*asker,
                {.method = "PUT",
                 .path = "/upstreams/" + path_segment(upstream) + "/circuit_breaker",
                 .body = json::serialize(json::object{{"force", force}})},
                done, [&] { return unknown_upstream(*asker, upstream); });
}

int live_log_level(const AdminOptions& admin, const std::string& level,
                   const std::string& component, const std::string& time) {
  json::object body{{"level", level}};
  if (!component.empty()) body["component"] = component;
  if (!time.empty()) {
    if (const auto parsed = config::parse_duration(time); !parsed) {
      return complain("weir: log-level: --for: " + parsed.error(), exit_usage);
    }
    body["for"] = time;
  }
  const auto asker = Asker::open("log-level", admin);
  if (!asker) return asker.error();
  const std::string what = component.empty() ? "log level " : "log level of " + component + " ";
  return change(*asker, {.method = "PUT", .path = "/log/level", .body = json::serialize(body)},
                time.empty() ? what + level + ", until a reload changes the file's level"
                             : what + level + " for " + time + ", then " +
                                   (component.empty() ? "the file's" : "that of the others"),
                [&] { return asker->fail("it does not know PUT /log/level"); });
}

}  // namespace weir::app
