// Which route a request takes: the routes of one configuration compiled into an index by host and
// path. Built once off the workers, owned by the snapshot, then const: any thread may ask.
//
// All routes whose conditions hold compete; a less specific host is a fall-back. Longest exact
// host, longest wildcard, none; then exact path, path with parameters (left to right, a literal
// before a parameter), regex in file order, longest prefix; then methods given, more headers, more
// query parameters, file order. A listener or a scheme is a condition, but no precedence.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/config/model.hpp"
#include "weir/http/head.hpp"

namespace weir::route {

class RouteIndex;

// What a request is matched by. Everything is borrowed.
struct Query {
  std::string_view host;  // lower case, no port, no trailing dot; "" for none
  std::string_view path;  // normalised, without path parameters; starts with '/'
  Method method = Method::get;
  std::string_view method_text;  // read only for Method::other
  Scheme scheme = Scheme::http;
  unsigned listener = 0;  // index into the configuration's listeners
  const HeaderMap& headers;
  std::string_view query;  // without its '?'
  // Of a path with path parameters, "" of another: with them as MatchedPath::full, as many segments
  // as `path`; and as it is forwarded.
  std::string_view full_path = {};
  std::string_view sent_path = {};
};

inline constexpr std::size_t max_path_params = 16;

struct Match {
  const config::Route* route = nullptr;
  std::uint32_t index = 0;  // of the route, in file order
  std::uint32_t param_count = 0;
  // The segments that stand for {parameters}, as they are in Query::path. Only the first
  // `param_count` are set.
  std::array<std::string_view, max_path_params> params{};
  // What follows the route's prefix in the path that is forwarded: "" or from a '/' on, so that a
  // new prefix without trailing slash and `rest` make a path. The whole path for a route without
  // path or with prefix "/"; "" for exact paths and expressions.
  std::string_view rest;
};

struct CompileError {
  std::size_t route = 0;  // index
  std::string what;       // names the key below `match`: "path_regex: missing ): ..."
};

// One line of `weir explain`.
struct Step {
  std::uint32_t route = 0;  // index
  bool matched = false;     // the winner
  std::string why;          // why it is the winner, or what kept it from being it
};

class RouteTable {
 public:
  // Paths are normalised as those of requests are. A prefix is compared by segment and its trailing
  // slash does not count: "/foo" and "/foo/" both match "/foo", "/foo/" and "/foo/bar", not
  // "/foobar". A parameter stands for one segment that is not empty. Expressions (RE2, bytes) must
  // match the whole path or value. Path parameters of a request do not count, but for a segment or
  // an expression that has a ';' or %3B of its own. `has_cors` tells for each route whether a cors
  // middleware is in its chain. REQUIRES: `routes` outlive the table; has_cors.size() ==
  // routes.size().
  static std::expected<RouteTable, std::vector<CompileError>> compile(
      std::span<const config::Route> routes, std::span<const config::Listener> listeners,
      const std::vector<bool>& has_cors);

  RouteTable(RouteTable&&) noexcept;
  RouteTable& operator=(RouteTable&&) noexcept;
  ~RouteTable();

  // Whether a route takes this request, and which. Visits each node of the host's index at most
  // once, whatever the path; a path with parameters where a route of that host has some of its own
  // is compared with each of its routes. Does not allocate, except that an expression may grow its
  // cache of states (bounded) and needs room for a query value with escapes of more than 2 KiB.
  bool match(const Query& query, Match& out) const noexcept;

  // For a request that nothing matched: the Allow value of the 405, "" when it is a 404. The union
  // of the methods of all routes that match but for the method, HEAD where GET is, OPTIONS where
  // cors is.
  std::string allow(const Query& query) const;

  // Which route a preflight is about: `query` carries the method that it asks for. Only routes with
  // cors; header and query conditions are ignored.
  bool match_preflight(const Query& query, Match& out) const noexcept;

  // The winner, then the routes that came nearest, nearest first; at most 10. A route whose host
  // and path both differ is not near. Linear in the number of routes.
  std::vector<Step> explain(const Query& query) const;

  // Indices of the routes, most specific first: hosts, then paths, as above.
  std::vector<std::uint32_t> order() const;

 private:
  explicit RouteTable(std::unique_ptr<const RouteIndex> index) noexcept;

  std::unique_ptr<const RouteIndex> index_;
};

}  // namespace weir::route
