// In what two configurations differ, by name. A configuration is remembered as a digest, which is
// small: what a name stands for as 64 bits. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "weir/config/model.hpp"

namespace weir::config {

struct ConfigDigest {
  using Named = std::vector<std::pair<std::string, std::uint64_t>>;  // in file order

  Named listeners;
  Named middleware;  // by name; inline ones belong to their routes
  Named routes;
  Named upstreams;
  Named sections;  // "server", "log" and the like
};

struct NamedChanges {
  std::vector<std::string> added, removed, changed;  // sorted

  bool empty() const noexcept { return added.empty() && removed.empty() && changed.empty(); }
};

struct ConfigChanges {
  NamedChanges listeners, middleware, routes, upstreams;
  std::vector<std::string> sections;  // whose values differ
  // The routes that are in both stand in another order: of two that are alike the first one wins.
  bool route_order = false;

  bool empty() const noexcept {
    return listeners.empty() && middleware.empty() && routes.empty() && upstreams.empty() &&
           sections.empty() && !route_order;
  }
};

// Of what GET /config shows, and of the users and keys that files gave; of passwords and keys
// nothing can be found out from it. Takes some 10 microseconds for each name.
ConfigDigest digest_of(const Config& config);
ConfigChanges compare(const ConfigDigest& before, const ConfigDigest& after);

}  // namespace weir::config
