// What one configuration has otherwise than another, by name. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weir/config/middleware.hpp"
#include "weir/config/model.hpp"

namespace weir::config {

struct Change {
  enum class Kind : std::uint8_t { added, removed, changed };
  struct Key {
    std::string key;     // below the name: "match.path_prefix"; "order" of routes as a whole
    std::string before;  // as JSON on one line, cut when it is long; "" for none
    std::string after;
  };

  Kind kind = Kind::changed;
  std::string of;         // "route", "upstream", "middleware", "listener", "test", or a section
  std::string name;       // "" of a section, and of routes whose order is another
  std::vector<Key> keys;  // of what is changed
};

// Sections first, then listeners, middleware, routes, upstreams and tests, each in the order of
// `after` with what is gone at its end. Inline middleware is its route's. Secrets are not compared.
std::vector<Change> changes(const Config& before, const Config& after);

// A middleware as it is printed, as JSON: equal texts do the same, secrets aside.
std::string to_json(const MiddlewareSpec& spec);

}  // namespace weir::config
