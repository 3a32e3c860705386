// What the admin address tells of the configurations that were in use, and the way back to one.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <utility>

#include "server/admin_api.hpp"
#include "server/admin_bodies.hpp"
#include "server/admin_views.hpp"
#include "server/history.hpp"

namespace weir::server {
namespace {

namespace json = boost::json;

json::array names_json(const std::vector<std::string>& names) {
  json::array out;
  for (const std::string& name : names) out.emplace_back(name);
  return out;
}

json::object changes_json(const config::NamedChanges& changes) {
  return {{"added", names_json(changes.added)},
          {"removed", names_json(changes.removed)},
          {"changed", names_json(changes.changed)}};
}

json::value changes_json(const std::optional<config::ConfigChanges>& changes) {
  if (!changes) return nullptr;
  return json::object{{"listeners", changes_json(changes->listeners)},
                      {"routes", changes_json(changes->routes)},
                      {"upstreams", changes_json(changes->upstreams)},
                      {"middleware", changes_json(changes->middleware)},
                      {"sections", names_json(changes->sections)},
                      {"route_order", changes->route_order}};
}

AdminAnswer show_history(const History& history) {
  json::array out;
  for (auto each = history.entries().rbegin(); each != history.entries().rend(); ++each) {
    json::object row{
        {"generation", each->generation},
        {"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(WallClock::to_time_t(each->at)))},
        {"source", each->source}};
    row["in_use"] = each == history.entries().rbegin();
    row["rolled_back_to"] = nullptr;
    if (each->rolled_back_to) row["rolled_back_to"] = *each->rolled_back_to;
    row["can_roll_back"] = each->origin != nullptr;
    row["changes"] = changes_json(each->changes);
    out.push_back(std::move(row));
  }
  return json_answer(out);
}

}  // namespace

AdminAnswer reload_answer(const Server& server) {
  json::object out{{"generation", server.snapshot()->generation()},
                   {"changes", server.last_listener_changes()}};
  if (const auto generation = server.rolled_back_to()) out["rolled_back_to"] = *generation;
  return json_answer(out);
}

void AdminApi::config_history(const AdminCall&, Done done) {
  server_.with_history(
      [done = std::move(done)](const History& history) { done(show_history(history)); });
}

void AdminApi::roll_back(const AdminCall& call, Done done) {
  const auto generation = parse_roll_back(call.request.body);
  if (!generation) return done(unprocessable(generation.error()));
  if (const std::string why = server_.why_no_roll_back(*generation); !why.empty()) {
    return done(not_found(why));
  }
  server_.roll_back(*generation, [this, done = std::move(done)](const Server::Problems& problems) {
    log_reload(server_, problems);
    done(problems.empty() ? reload_answer(server_) : problem_lines(problems));
  });
}

void AdminApi::end_roll_back(const AdminCall&, Done done) {
  if (!server_.rolled_back_to()) return done(no_content());
  server_.release_roll_back([this, done = std::move(done)](const Server::Problems& problems) {
    log_reload(server_, problems);
    done(problems.empty() ? no_content() : problem_lines(problems));
  });
}

}  // namespace weir::server
