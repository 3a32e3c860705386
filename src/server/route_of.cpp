#include "server/route_of.hpp"

#include "weir/http/method.hpp"

namespace weir::server {
namespace {

bool keeps_empty(const config::Limits& limits) {
  return limits.empty_segments == config::EmptySegments::keep;
}

// Routes are matched by `path`, which is in normal form.
void set_path(route::Query& query, const NormalPath& path, bool keep_empty, Arena& arena) {
  query.path = path.path;
  query.full_path = query.sent_path = {};
  if (!path.parameters) return;
  const MatchedPath matched = matched_path(path.path, keep_empty, arena);
  query.path = matched.bare;
  query.full_path = matched.full;
  query.sent_path = path.path;
}

// Whether every path below the fixed beginning of `inner` is one of `outer` too.
bool is_around(const config::Match& outer, const config::Match& inner) {
  if (outer.path_kind == config::PathKind::any) return true;
  if (outer.path_kind != config::PathKind::prefix) return false;
  std::string_view prefix = outer.path;
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  if (prefix.empty()) return true;
  if (inner.path_kind == config::PathKind::any || inner.path_kind == config::PathKind::regex) {
    return false;
  }
  const std::string_view fixed = std::string_view(inner.path).substr(0, inner.path.find('{'));
  return fixed.starts_with(prefix) &&
         (fixed.size() == prefix.size() || fixed[prefix.size()] == '/');
}

}  // namespace

route::Query query_of(RequestHead& head, const NormalPath& path, const config::Limits& limits,
                      unsigned listener) {
  route::Query query{.host = head.host,
                     .path = {},
                     .method = head.method,
                     .method_text = head.method_text,
                     .scheme = head.scheme,
                     .listener = listener,
                     .headers = head.headers,
                     .query = head.query};
  set_path(query, path, keeps_empty(limits), head.headers.arena());
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

std::expected<void, std::string_view> check_encoded_slashes(const route::RouteTable& table,
                                                            route::Query query,
                                                            const config::Limits& limits,
                                                            Matched how, const route::Match& found,
                                                            Arena& arena) {
  const std::string_view sent = query.sent_path.empty() ? query.path : query.sent_path;
  const auto path = normalise_path(decode_slashes(sent, arena), keeps_empty(limits), arena);
  if (!path) return std::unexpected(path.error());
  set_path(query, *path, keeps_empty(limits), arena);
  route::Match other;
  // `query` has the method that a preflight asks for, so that it looks like an ordinary request.
  const bool matches = how == Matched::as_preflight ? table.match_preflight(query, other)
                                                    : table.match(query, other);
  if (!matches || other.index == found.index || is_around(other.route->match, found.route->match)) {
    return {};
  }
  return std::unexpected("the path with its encoded slashes decoded is another route's");
}

}  // namespace weir::server
