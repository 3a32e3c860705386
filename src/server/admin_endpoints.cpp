// The table of the admin address, and how a request finds its row.
#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "server/admin_api.hpp"
#include "server/admin_views.hpp"
#include "weir/base/text.hpp"
#include "weir/http/url_path.hpp"

namespace weir::server {
namespace {

constexpr std::size_t most_segments = 4;

// The segments of a path; nothing if there are more than any endpoint has.
struct Segments {
  std::array<std::string_view, most_segments> of{};
  std::size_t count = 0;
};
constexpr std::optional<Segments> segments(std::string_view path) {
  Segments out;
  while (path.starts_with('/')) {
    if (out.count == most_segments) return std::nullopt;
    path.remove_prefix(1);
    out.of[out.count] = path.substr(0, path.find('/'));
    path.remove_prefix(out.of[out.count++].size());
  }
  return path.empty() ? std::optional(out) : std::nullopt;
}

constexpr bool is_placeholder(std::string_view segment) {
  return !segment.empty() && segment.front() >= 'A' && segment.front() <= 'Z';
}

// The names that `asked` has in the places of `path`'s placeholders, decoded; nothing if it is
// another path.
std::optional<std::vector<std::string>> match(std::string_view path, const Segments& asked) {
  const auto known = segments(path);
  if (!known || known->count != asked.count) return std::nullopt;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < asked.count; ++i) {
    const std::string segment = percent_decode(asked.of[i]);
    if (is_placeholder(known->of[i])) {
      names.push_back(segment);
    } else if (known->of[i] != segment) {
      return std::nullopt;
    }
  }
  return names;
}

bool is_json(std::string_view content_type) {
  return iequals(trim(content_type.substr(0, content_type.find(';'))), "application/json");
}

}  // namespace

struct AdminApi::Table {
  static constexpr Endpoint rows[] = {
      {"GET", "/healthz", Body::none, Access::anybody, &AdminApi::healthz,
       "200 while the process lives"},
      {"GET", "/readyz", Body::none, Access::anybody, &AdminApi::readyz,
       "200 when requests are served and upstreams have addresses"},
      {"GET", "/metrics", Body::none, Access::anybody, &AdminApi::metrics,
       "the metrics, for Prometheus"},
      {"GET", "/status", Body::none, Access::operators, &AdminApi::status, "how the gateway is"},
      {"GET", "/config", Body::none, Access::operators, &AdminApi::whole_config,
       "the configuration as it was read, with all defaults and without secrets"},
      {"GET", "/config/diff", Body::none, Access::operators, &AdminApi::config_diff,
       "the lines in which the file differs from what runs"},
      {"GET", "/config/history", Body::none, Access::operators, &AdminApi::config_history,
       "the last 20 configurations, and what each changed"},
      {"POST", "/config/rollback", Body::required, Access::operators, &AdminApi::roll_back,
       "puts an earlier configuration in use again"},
      {"DELETE", "/config/rollback", Body::none, Access::operators, &AdminApi::end_roll_back,
       "takes that back"},
      {"GET", "/listeners", Body::none, Access::operators, &AdminApi::listeners,
       "names, protocols, and all addresses of each"},
      {"GET", "/routes", Body::none, Access::operators, &AdminApi::routes,
       "the route table in match order, with the shares in use"},
      {"GET", "/upstreams", Body::none, Access::operators, &AdminApi::upstreams,
       "endpoints with health and why, connections, breakers"},
      {"GET", "/access_log", Body::none, Access::operators, &AdminApi::access_log,
       "streams each request as it ends, a JSON object a line"},
      {"POST", "/explain", Body::required, Access::operators, &AdminApi::explain,
       "as weir explain, with the current shares and breaker states"},
      {"POST", "/reload", Body::optional, Access::operators, &AdminApi::reload,
       "reads the configuration again"},
      {"POST", "/upgrade", Body::optional, Access::operators, &AdminApi::upgrade,
       "starts a new binary and hands over to it"},
      {"POST", "/drain", Body::optional, Access::operators, &AdminApi::drain,
       "/readyz answers 503, and answers close their connections"},
      {"POST", "/undrain", Body::optional, Access::operators, &AdminApi::undrain,
       "takes a drain back"},
      {"PUT", "/routes/NAME/split", Body::required, Access::operators, &AdminApi::put_split,
       "sets weights"},
      {"DELETE", "/routes/NAME/split", Body::none, Access::operators, &AdminApi::delete_split,
       "takes this back"},
      {"PUT", "/upstreams/NAME/circuit_breaker", Body::required, Access::operators,
       &AdminApi::put_breaker, "forces the breaker"},
      {"DELETE", "/upstreams/NAME/circuit_breaker", Body::none, Access::operators,
       &AdminApi::delete_breaker, "the same as off"},
      {"PUT", "/upstreams/NAME/endpoints/ADDRESS", Body::required, Access::operators,
       &AdminApi::put_endpoint, "sets state, weight or both"},
      {"DELETE", "/upstreams/NAME/endpoints/ADDRESS", Body::none, Access::operators,
       &AdminApi::delete_endpoint, "takes that back: ready, with the file's weight"},
      {"PUT", "/log/level", Body::required, Access::operators, &AdminApi::put_log_level,
       "sets the level of the diagnostics"},
  };

  // What AdminApi::handle and the guard rely on.
  static consteval bool is_sound() {
    for (std::size_t i = 0; i < std::size(rows); ++i) {
      const auto& [method, path, body, access, serve, help] = rows[i];
      const bool get = method == "GET";
      if (!get && method != "POST" && method != "PUT" && method != "DELETE") return false;
      if (!path.starts_with('/') || !segments(path) || help.empty()) return false;
      if (access == Access::anybody && !get) return false;
      for (std::size_t j = 0; j < i; ++j) {
        if (rows[j].method == method && rows[j].path == path) return false;
      }
    }
    return true;
  }
};

std::span<const AdminApi::Endpoint> AdminApi::endpoints() noexcept {
  static_assert(Table::is_sound(), "a row has a wrong method or path, no help, or is there twice");
  return Table::rows;
}

void AdminApi::handle(const AdminRequest& request, Done done) {
  const auto asked = segments(request.path);
  std::string allow;
  for (const Endpoint& endpoint : endpoints()) {
    auto names = asked ? match(endpoint.path, *asked) : std::nullopt;
    if (!names) continue;
    if (endpoint.method != request.method) {
      if (!allow.empty()) allow += ", ";
      allow += endpoint.method == "GET" ? "GET, HEAD" : endpoint.method;
      continue;
    }
    // A POST without a body says nothing that a type could be wrong for.
    const bool bodiless = request.body.empty() && endpoint.method == "POST";
    const bool wants_json = endpoint.body != Body::none && !bodiless;
    if (wants_json && !is_json(request.content_type)) {
      return done(admin_problem(415, "unsupported_media_type",
                                "the body must be JSON, with Content-Type: application/json"));
    }
    return (this->*endpoint.serve)({request, std::move(*names)}, std::move(done));
  }
  if (allow.empty()) {
    return done(not_found("the admin address has nothing at " + request.path));
  }
  AdminAnswer refusal =
      admin_problem(405, "method_not_allowed",
                    request.method + " is not for " + request.path + ", which takes " + allow);
  refusal.headers.emplace_back("Allow", allow);
  done(std::move(refusal));
}

}  // namespace weir::server
