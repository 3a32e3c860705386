#include "server/reload_rules.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

namespace weir::server {
namespace {

// Null where there is no such route or it has none.
const config::Split* split_of(const config::Config& config, std::string_view name) {
  const auto route = std::ranges::find(config.routes, name, &config::Route::name);
  if (route == config.routes.end()) return nullptr;
  const auto* to = std::get_if<config::UpstreamAction>(&route->action);
  return to != nullptr && to->is_split ? &to->split : nullptr;
}

}  // namespace

config::Place place_of(const config::Loaded& loaded, std::string_view path) {
  const auto found = loaded.places.find(path);
  return found != loaded.places.end()
             ? found->second
             : config::Place{loaded.config.listeners.front().place.file, 0, 0};
}

std::string access_log_target(const config::Config& config) {
  const std::string& path = config.access_log.path;
  return path == "off" || path == "stdout" || path == "stderr" ? path : config.resolve(path);
}

config::Problem log_problem(const config::Loaded& loaded, std::string_view fault) {
  const std::string path = "access_log.path";
  return {place_of(loaded, path), path, std::string(fault)};
}

std::vector<config::Problem> restart_problems(const config::Config& now,
                                              const config::Loaded& loaded) {
  const config::Server& next = loaded.config.server;
  std::vector<config::Problem> out;
  const auto refuse = [&](const std::string& path) {
    out.push_back({place_of(loaded, path), path, needs_a_restart});
  };
  if (next.workers != now.server.workers) refuse("server.workers");
  if (next.io_backend != now.server.io_backend) refuse("server.io_backend");
  return out;
}

bool keeps_split(const config::Config& before, const config::Config& after,
                 std::string_view route) {
  const config::Split* old = split_of(before, route);
  const config::Split* now = split_of(after, route);
  return old != nullptr && now != nullptr &&
         std::ranges::equal(*old, *now,
                            [](const config::SplitShare& a, const config::SplitShare& b) {
                              return a.upstream == b.upstream && a.weight == b.weight;
                            });
}

}  // namespace weir::server
