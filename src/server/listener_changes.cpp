#include "server/listener_changes.hpp"

#include <algorithm>

namespace weir::server {

std::string ListenerChanges::to_string() const {
  std::string out;
  const auto add = [&](char sign, const std::vector<std::string>& names) {
    if (names.empty()) return;
    out += out.empty() ? "listeners " : " ";
    out += sign + std::to_string(names.size());
  };
  add('+', added);
  add('-', removed);
  add('~', changed);
  return out;
}

const config::Listener* find_listener(const std::vector<config::Listener>& listeners,
                                      std::string_view name) noexcept {
  const auto found = std::ranges::find(listeners, name, &config::Listener::name);
  return found == listeners.end() ? nullptr : &*found;
}

ListenerChanges listener_changes(const std::vector<config::Listener>& before,
                                 const std::vector<config::Listener>& after) {
  ListenerChanges out;
  for (const config::Listener& next : after) {
    const config::Listener* const now = find_listener(before, next.name);
    if (now == nullptr) {
      out.added.push_back(next.name);
    } else if (!config::differing_keys(next, *now).empty()) {
      out.changed.push_back(next.name);
    }
  }
  for (const config::Listener& now : before) {
    if (find_listener(after, now.name) == nullptr) out.removed.push_back(now.name);
  }
  return out;
}

bool same_handshakes(const config::Listener& one, const config::Listener& other) {
  if (!one.tls || !other.tls || one.spoken() != other.spoken()) return false;
  return std::ranges::all_of(config::differing_keys(one, other), [](const std::string& key) {
    return !key.starts_with("tls") || key.starts_with("tls.hsts");
  });
}

}  // namespace weir::server
