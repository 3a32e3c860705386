// What each type of middleware can be told, as plain structs; each value's initialiser is its
// default. `type` is its name in the file, `purpose` what the schema says of it, `needs_one_of` the
// two keys of which it must have one, if any. Built by the loader, then const.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
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
  static constexpr std::string_view type = "cors";
  static constexpr std::string_view purpose =
      "lets pages of other origins read answers: answers preflights and adds the fields of CORS";

  std::vector<std::string> origins;
  std::vector<std::string> methods;  // empty: the route's
  std::vector<std::string> headers;
  std::vector<std::string> expose;
  bool credentials = false;
  Duration max_age = 10min;
};
struct IpFilter {
  static constexpr std::string_view type = "ip_filter";
  static constexpr std::string_view purpose = "refuses clients by their address: 403 ip_denied";
  static constexpr std::array<std::string_view, 2> needs_one_of{"allow", "deny"};

  std::vector<Cidr> allow;
  std::vector<Cidr> deny;
};
struct BodyLimit {
  static constexpr std::string_view type = "body_limit";
  static constexpr std::string_view purpose =
      "limits the content of requests, instead of the listener's body_size: 413 body_too_large";

  std::uint64_t size = 0;  // 0: unlimited
};
struct Headers {
  static constexpr std::string_view type = "headers";
  static constexpr std::string_view purpose =
      "sets, adds and removes header fields of requests and answers";
  static constexpr std::array<std::string_view, 2> needs_one_of{"request", "response"};

  HeaderChanges request;
  HeaderChanges response;
};
struct BasicAuth {
  static constexpr std::string_view type = "basic_auth";
  static constexpr std::string_view purpose =
      "asks for a user and a password: 401 credentials_missing or credentials_invalid";

  std::string users_file;
  std::vector<std::pair<std::string, std::string>> users;  // name and hash, read at load
  std::string realm = "weir";
  std::string header = "x-user";  // receives the user's name on its way to the upstream
};

struct RateLimit {
  static constexpr std::string_view type = "rate_limit";
  static constexpr std::string_view purpose =
      "limits how many requests a caller may send in a time: 429 rate_limited";

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
  static constexpr std::string_view type = "concurrency_limit";
  static constexpr std::string_view purpose =
      "limits how many requests of a caller are in flight: 429 concurrency_limited";

  std::uint32_t limit = 0;
  Key key;
};
struct KnownKey {
  std::string name;    // the caller's, "" when the file has none
  std::string key;     // "" when only its digest is known
  std::string sha256;  // of the key, 64 hex digits in lower case; "" beside `key`
};
struct ApiKey {
  static constexpr std::string_view type = "api_key";
  static constexpr std::string_view purpose =
      "asks for a key that is in a file: 401 credentials_missing or credentials_invalid";

  std::string header = "x-api-key";
  std::string keys_file;
  std::vector<KnownKey> keys;  // read at load
};
enum class OnError : std::uint8_t { deny, allow };
struct ForwardAuth {
  static constexpr std::string_view type = "forward_auth";
  static constexpr std::string_view purpose =
      "asks an upstream whether a request may pass: 403 auth_denied, 503 auth_unavailable";

  std::string upstream;
  std::string path;
  Duration timeout = 1s;
  std::vector<std::string> copy_headers;
  OnError on_error = OnError::deny;
  Place upstream_place;
  std::string upstream_at;  // "middleware.login.forward_auth.upstream"
};

// Limits of 0 are off.
struct LoadShed {
  static constexpr std::string_view type = "load_shed";
  static constexpr std::string_view purpose =
      "refuses requests by their route's priority while the gateway is too full: 503 shed";

  Duration lag = 100ms;
  double memory = 0.9;
  double connections = 0.9;
  double saturation = 0.95;
};

// One alternative per type of middleware; the compiler lists what a new one still lacks.
using MiddlewareSpec = std::variant<Cors, IpFilter, BodyLimit, Headers, BasicAuth, Jwt, RateLimit,
                                    ConcurrencyLimit, ApiKey, ForwardAuth, LoadShed>;

// The type's name in the file: "cors". A literal.
inline std::string_view type_name(const MiddlewareSpec& spec) noexcept {
  return std::visit([](const auto& each) { return each.type; }, spec);
}

struct Middleware {
  std::string name;  // an inline one: ROUTE/TYPE, then ROUTE/TYPE#2
  MiddlewareSpec spec;
  Place place;
};

}  // namespace weir::config
