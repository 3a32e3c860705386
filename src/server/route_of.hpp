// Which route a request is for: one rule for the requests that come and for those that are
// explained. Pure.
#pragma once

#include <expected>
#include <string_view>

#include "weir/base/arena.hpp"
#include "weir/config/model.hpp"
#include "weir/http/head.hpp"
#include "weir/http/url_path.hpp"
#include "weir/route/route_table.hpp"

namespace weir::server {

enum class Matched : std::uint8_t { no, yes, as_preflight };

// Views of `head`, whose path is in normal form; of one with path parameters what routes are
// matched by is made in the head's arena.
route::Query query_of(RequestHead& head, const NormalPath& path, const config::Limits& limits,
                      unsigned listener);
// Fills `out` with the route of `query`. A preflight (OPTIONS, Origin and the method that it asks
// for) is one for the method it asks for where some such route has cors; `query` then carries that.
Matched route_of(const route::RouteTable& table, route::Query& query, route::Match& out);

// Many servers take %2F and %5C in a path for '/'. Whether the route of `query`, which keeps them,
// is fit for a path that is read so; if not, the detail for the 400. It is not when such a server
// would take the path for one of another route, whose middleware has not seen the request: the path
// is that of the other route, or goes above the root. A route with a shorter prefix of the same
// path, such as a catch-all, is no other one.
// REQUIRES: route_of() has filled `query` and `found`, and returned `how`.
std::expected<void, std::string_view> check_encoded_slashes(const route::RouteTable& table,
                                                            route::Query query,
                                                            const config::Limits& limits,
                                                            Matched how, const route::Match& found,
                                                            Arena& arena);

}  // namespace weir::server
