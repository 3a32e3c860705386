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

using Listeners = std::vector<config::Listener>;

const config::Listener* find(const Listeners& listeners, std::string_view name) {
  const auto found = std::ranges::find(listeners, name, &config::Listener::name);
  return found == listeners.end() ? nullptr : &*found;
}

// The one that `next` seems to be under another name: it has its address, and neither name is in
// both configurations.
const config::Listener* renamed(const config::Listener& next, const Listeners& all,
                                const Listeners& running) {
  const auto same = std::ranges::find_if(running, [&](const config::Listener& one) {
    return one.bind == next.bind && find(all, one.name) == nullptr;
  });
  return same == running.end() ? nullptr : &*same;
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

std::vector<config::Problem> listener_changes(const config::Loaded& loaded,
                                              const Listeners& running) {
  const Listeners& listeners = loaded.config.listeners;
  std::vector<config::Problem> out;
  std::vector<const config::Listener*> kept;
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    const config::Listener& next = listeners[i];
    const config::WrittenListener& written = loaded.listeners[i];
    const auto refuse = [&](const std::string& key, std::string message) {
      const std::string path = key.empty() ? written.at : written.at + "." + key;
      const auto place = written.places.find(path);
      out.push_back(
          {place == written.places.end() ? next.place : place->second, path, std::move(message)});
    };
    const config::Listener* now = find(running, next.name);
    if (now == nullptr) now = renamed(next, listeners, running);
    if (now == nullptr || std::ranges::find(kept, now) != kept.end()) {
      refuse("", "the listener '" + next.name + "' is new; " + needs_a_restart);
      continue;
    }
    kept.push_back(now);
    for (const std::string& key : config::differing_keys(next, *now)) {
      refuse(key, key == "name" ? "was '" + now->name + "'; " + needs_a_restart : needs_a_restart);
    }
  }
  const config::Place file{listeners.front().place.file, 0, 0};
  for (const config::Listener& one : running) {
    if (std::ranges::find(kept, &one) != kept.end()) continue;
    out.push_back({file, "listeners",
                   "the listener '" + one.name + "' is no longer there; " + needs_a_restart});
  }
  if (out.empty() && !std::ranges::is_sorted(kept)) {
    out.push_back({file, "listeners", std::string("their order has changed; ") + needs_a_restart});
  }
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
