#include "server/reload_rules.hpp"

#include <algorithm>
#include <string>
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
             : config::Place{loaded.config.routes.front().place.file, 0, 0};
}

config::Problem log_problem(const config::Loaded& loaded, std::string_view fault) {
  const std::string path = "access_log.path";
  return {place_of(loaded, path), path, std::string(fault)};
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
