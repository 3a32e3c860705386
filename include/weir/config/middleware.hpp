// What each type of middleware can be told, as plain structs; each value's initialiser is its
// default. Built by the loader, then const.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "weir/base/ip.hpp"
#include "weir/base/time.hpp"
#include "weir/config/jwt.hpp"
#include "weir/config/key.hpp"
#include "weir/config/place.hpp"
#include "weir/config/rate.hpp"

namespace weir::config {

// remove, then set, then add. Values are templates with {variables}.
struct HeaderChanges {
  std::vector<std::pair<std::string, std::string>> set;
  std::vector<std::pair<std::string, std::string>> add;
  std::vector<std::string> remove;
  bool empty() const noexcept { return set.empty() && add.empty() && remove.empty(); }
};

struct Cors {
  std::vector<std::string> origins;
  std::vector<std::string> methods;  // empty: the route's
  std::vector<std::string> headers;
  std::vector<std::string> expose;
  bool credentials = false;
  Duration max_age = 10min;
};
struct IpFilter {
  std::vector<Cidr> allow;
  std::vector<Cidr> deny;
};
struct BodyLimit {
  std::uint64_t size = 0;  // 0: unlimited
};
struct Headers {
  HeaderChanges request;
  HeaderChanges response;
};
struct BasicAuth {
  std::string users_file;
  std::vector<std::pair<std::string, std::string>> users;  // name and hash, read at load
  std::string realm = "weir";
  std::string header = "x-user";  // receives the user's name on its way to the upstream
};

struct RateLimit {
  Rate rate;
  std::uint64_t burst = 0;  // 0: one second of the rate, at least 1
  Key key;
  std::uint64_t cost = 1;
  bool dry_run = false;
  std::uint64_t max_keys = 1'000'000;

  // The burst in force.
  std::uint64_t bucket() const noexcept {
    const auto seconds = static_cast<std::uint64_t>(rate.period / std::chrono::seconds(1));
    return burst != 0 ? burst : std::max<std::uint64_t>(1, rate.tokens / seconds);
  }
};
struct ConcurrencyLimit {
  std::uint32_t limit = 0;
  Key key;
};
struct KnownKey {
  std::string name;    // the caller's, "" when the file has none
  std::string key;     // "" when only its digest is known
  std::string sha256;  // of the key, 64 hex digits in lower case; "" beside `key`
};
struct ApiKey {
  std::string header = "x-api-key";
  std::string keys_file;
  std::vector<KnownKey> keys;  // read at load
};
enum class OnError : std::uint8_t { deny, allow };
struct ForwardAuth {
  std::string upstream;
  std::string path;
  Duration timeout = 1s;
  std::vector<std::string> copy_headers;
  OnError on_error = OnError::deny;
  Place upstream_place;
  std::string upstream_at;  // "middleware.login.forward_auth.upstream"
};

// One alternative per type of middleware; the compiler lists what a new one still lacks.
using MiddlewareSpec = std::variant<Cors, IpFilter, BodyLimit, Headers, BasicAuth, Jwt, RateLimit,
                                    ConcurrencyLimit, ApiKey, ForwardAuth>;

struct Middleware {
  std::string name;  // an inline one: ROUTE/TYPE, then ROUTE/TYPE#2
  MiddlewareSpec spec;
  Place place;
};

}  // namespace weir::config
