// Which route a request is for: one rule for the requests that come and for those that are
// explained. Pure.
#pragma once

#include "weir/http/head.hpp"
#include "weir/route/route_table.hpp"

namespace weir::server {

enum class Matched : std::uint8_t { no, yes, as_preflight };

// Views of `head`, which has a path in normal form.
route::Query query_of(const RequestHead& head, unsigned listener);
// Fills `out` with the route of `query`. A preflight (OPTIONS, Origin and the method that it asks
// for) is one for the method it asks for where some such route has cors; `query` then carries that.
Matched route_of(const route::RouteTable& table, route::Query& query, route::Match& out);

}  // namespace weir::server
