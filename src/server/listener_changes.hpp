// What a reload does to the listeners, by name. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "weir/config/loader.hpp"
#include "weir/config/model.hpp"

namespace weir::server {

struct ListenerChanges {
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::vector<std::string> changed;

  bool empty() const noexcept { return added.empty() && removed.empty() && changed.empty(); }
  // "listeners +1 -1 ~2"; a part that is none is left out, and "" when all are.
  std::string to_string() const;
};

// By name: a listener that has another name is one gone and one new.
ListenerChanges listener_changes(const std::vector<config::Listener>& before,
                                 const std::vector<config::Listener>& after);

// Null where there is none.
const config::Listener* find_listener(const std::vector<config::Listener>& listeners,
                                      std::string_view name) noexcept;

// Whether handshakes of the two differ: certificates, versions, client_auth, what ALPN offers. Not
// where the one has no TLS.
bool same_handshakes(const config::Listener& one, const config::Listener& other);

}  // namespace weir::server
