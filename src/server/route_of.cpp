#include "server/route_of.hpp"

#include "weir/http/method.hpp"

namespace weir::server {

route::Query query_of(const RequestHead& head, unsigned listener) {
  return {.host = head.host,
          .path = head.path,
          .method = head.method,
          .method_text = head.method_text,
          .scheme = head.scheme,
          .listener = listener,
          .headers = head.headers,
          .query = head.query};
}

Matched route_of(const route::RouteTable& table, route::Query& query, route::Match& out) {
  if (const auto asked = query.headers.get(FieldId::access_control_request_method);
      asked && query.method == Method::options && query.headers.contains(FieldId::origin)) {
    route::Query preflight = query;
    preflight.method = parse_method(*asked);
    preflight.method_text = *asked;
    if (table.match_preflight(preflight, out)) {
      query.method = preflight.method;
      query.method_text = preflight.method_text;
      return Matched::as_preflight;
    }
  }
  return table.match(query, out) ? Matched::yes : Matched::no;
}

}  // namespace weir::server
