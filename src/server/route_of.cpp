#include "server/route_of.hpp"

#include "weir/http/method.hpp"

namespace weir::server {

route::Query query_of(RequestHead& head, const NormalPath& path, const config::Limits& limits,
                      unsigned listener) {
  route::Query query{.host = head.host,
                     .path = head.path,
                     .method = head.method,
                     .method_text = head.method_text,
                     .scheme = head.scheme,
                     .listener = listener,
                     .headers = head.headers,
                     .query = head.query};
  if (path.parameters) {
    const bool keep_empty = limits.empty_segments == config::EmptySegments::keep;
    const MatchedPath matched = matched_path(head.path, keep_empty, head.headers.arena());
    query.path = matched.bare;
    query.full_path = matched.full;
    query.sent_path = head.path;
  }
  return query;
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
