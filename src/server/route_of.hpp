// Which route a request is for: one rule for the requests that come and for those that are
// explained. Pure.
#pragma once

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

}  // namespace weir::server
