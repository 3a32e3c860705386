// The tables of the configuration's blocks, a file for each part of the language. The bound
// variables must outlive the tables.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/draft.hpp"
#include "config/fields.hpp"
#include "config/kinds.hpp"
#include "weir/config/model.hpp"

namespace weir::config {

Fields fields(Server& server);
Fields fields(Deadlines& deadlines);
Fields fields(Log& log);
Fields fields(AccessLog& log);
Fields fields(Metrics& metrics);
// A mapping or `off`; where the address stands goes to `bind`.
Value admin_value(Admin& admin, Place& bind);

Fields fields(Listener& listener);
// 301, 302, 303, 307 or 308.
Value redirect_status(int& status);
// `off`, `on` or a mapping.
Value redirect_https_value(std::optional<RedirectHttps>& redirect);
Fields fields(CircuitBreaker& breaker);
// `off`, or a block; sets `retry` and `failover` of the route.
Value retry_value(Route& route);
Fields fields(RetryBudget& budget);
Fields fields(Hedge& hedge);
// What of the route its `hedge` does not go with.
void check_hedge(const RouteDraft& draft, Problems& problems);
Value health_check_value(std::optional<HealthCheck>& target);
// What of `upstream` its health_check does not go with, its endpoints aside.
void check_health_check(const Upstream& upstream, Problems& problems);
// Which of these endpoints its health_check and tls do not go with: those of a unix: socket.
void check_sockets(const Upstream& upstream, const std::vector<EndpointSpec>& endpoints,
                   Problems& problems);
Value outlier_detection_value(std::optional<OutlierDetection>& target);
Value load_balancer_value(LoadBalancer& balancer);
// `off`, or a block.
Value concurrency_value(Concurrency& concurrency);
// A KEY, or `null` for none.
Value fair_value(std::optional<Key>& fair);
// `{}` is a block with the defaults' key.
Value sticky_value(std::optional<Sticky>& target);
// Names of upstreams go to `upstreams`.
Fields fields(SplitByHeader& by_header, std::vector<Written>& upstreams);
Fields fields(Upstream& upstream);  // without its name, which is its key
inline constexpr std::string_view endpoints_doc = "the addresses of its servers";
void read_endpoint(const Reader& in, EndpointSpec& endpoint);
Value endpoints_value(std::vector<EndpointSpec>& endpoints);
Value endpoints_from_value(std::optional<EndpointsFrom>& target);
// What an endpoint may have.
inline constexpr std::uint64_t most_weight = 1000;
inline constexpr std::uint64_t most_priority = 1000;
// The name of a file that is opened later; `null` for none.
Value file_value(File& target);
Value tls_value(std::optional<ListenerTls>& tls);
Value tls_value(std::optional<UpstreamTls>& tls);

// Middleware: a mapping with one key, the type. Its texts with variables go to `templates`.
Fields fields(MiddlewareSpec& spec, std::vector<Written>& templates);
std::optional<MiddlewareSpec> read_middleware(const Reader& in, std::vector<Written>& templates);
Tree print_middleware(const MiddlewareSpec& spec);
Tree middleware_schema();
bool is_middleware_type(std::string_view word);

Fields fields(Respond& respond, std::vector<Written>& templates);
// The upstream's name goes to the draft's `upstreams`, texts with variables to its `templates`.
Value fallback_value(RouteDraft& draft);
Fields route_fields(RouteDraft& route);
Fields defaults_fields(RouteDraft& defaults);
Fields match_fields(Match& match, std::vector<Written>& listeners);
// A mapping of names, at which `check` looks, to conditions: a value, {regex: ...} or {present: }.
Value conditions(std::vector<ValueMatch>& target, Check check);
Value tests_value(Draft& draft);

// {set: {}, add: {}, remove: []}, and a mapping of field names to values.
Fields fields(HeaderChanges& changes, std::vector<Written>& templates);
Value field_values(std::vector<std::pair<std::string, std::string>>& target,
                   std::vector<Written>& templates);

// Whether what stands under that name (of a field, of a query parameter) is not to be shown.
bool is_secret_name(std::string_view name);
inline constexpr std::string_view redacted = "REDACTED";

// The users of an htpasswd file, or what is wrong with it, a line each.
using Users = std::vector<std::pair<std::string, std::string>>;
std::expected<Users, std::vector<std::string>> parse_users(std::string_view text);

// The keys of a keys_file, or what is wrong with it, a line each.
std::expected<std::vector<KnownKey>, std::vector<std::string>> parse_api_keys(
    std::string_view text);

}  // namespace weir::config
