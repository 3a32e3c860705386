#include "weir/server/explain.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "server/explain_upstreams.hpp"
#include "server/https_location.hpp"
#include "server/route_of.hpp"
#include "weir/base/text.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/http/forwarded.hpp"
#include "weir/http/url_path.hpp"
#include "weir/middleware/token_places.hpp"
#include "weir/proxy/fixed_answers.hpp"
#include "weir/proxy/rewriting.hpp"

namespace weir::server {
namespace {

// The parts of the asked URL; views into the request.
struct Url {
  Scheme scheme = Scheme::http;
  std::string authority;
  std::string path;
  std::string query;
  bool has_query = false;
};

std::optional<Url> parse_url(std::string_view text, std::string_view host_field) {
  Url url;
  url.authority = host_field;
  if (istarts_with(text, "http://") || istarts_with(text, "https://")) {
    url.scheme = istarts_with(text, "https://") ? Scheme::https : Scheme::http;
    text.remove_prefix(text.find("://") + 3);
    const std::size_t end = std::min(text.find_first_of("/?"), text.size());
    url.authority = text.substr(0, end);
    text.remove_prefix(end);
    if (url.authority.empty()) return std::nullopt;
  } else if (!text.starts_with('/')) {
    return std::nullopt;
  }
  const std::size_t mark = text.find('?');
  url.path = text.substr(0, mark);
  if (url.path.empty()) url.path = "/";
  if (mark != std::string_view::npos) {
    url.has_query = true;
    url.query = text.substr(mark + 1);
  }
  return url;
}

// To who asks about a path alone.
constexpr const char* give_a_host = " (give an absolute URL or a Host)";

std::string host_of(std::string_view authority) {
  std::string_view host = authority;
  if (host.starts_with('[')) {
    host = host.substr(0, host.find(']') + 1);
  } else {
    host = host.substr(0, host.find(':'));
    if (host.ends_with('.')) host.remove_suffix(1);
  }
  return to_lower(host);
}

// What each type of middleware would make of the request; sets `refused` when it would answer
// itself.
class MiddlewareView {
 public:
  MiddlewareView(const RequestHead& head, const IpAddress& client, int& refused) noexcept
      : head_(head), client_(client), refused_(refused) {}

  std::string operator()(const config::Cors& cors) const {
    const auto origin = head_.headers.get(FieldId::origin);
    if (!origin) return "cors: no Origin, nothing to say";
    const bool allowed = std::ranges::any_of(
        cors.origins, [&](const std::string& one) { return one == "*" || iequals(one, *origin); });
    const bool preflight = head_.method == Method::options &&
                           head_.headers.contains(FieldId::access_control_request_method);
    if (preflight) refused_ = 204;
    return fmt::format("cors: {}origin {} is {}", preflight ? "preflight, answered here; " : "",
                       *origin, allowed ? "allowed" : "not allowed");
  }
  std::string operator()(const config::IpFilter& filter) const {
    const auto in = [&](const std::vector<Cidr>& list) {
      return std::ranges::any_of(list, [&](const Cidr& one) { return one.contains(client_); });
    };
    const bool denied = in(filter.deny) || (!filter.allow.empty() && !in(filter.allow));
    if (denied) refused_ = status_of(Reason::ip_denied);
    return fmt::format("ip_filter: {} is {}", client_.to_string(),
                       denied ? "denied (403 ip_denied)" : "allowed");
  }
  std::string operator()(const config::BodyLimit& limit) const {
    if (limit.size == 0) return "body_limit: none";
    const auto said = parse_decimal(head_.headers.get(FieldId::content_length).value_or(""));
    if (!said || *said <= limit.size) return fmt::format("body_limit: {} bytes", limit.size);
    refused_ = status_of(Reason::body_too_large);
    return fmt::format("body_limit: {} bytes is above {} (413 body_too_large)", *said, limit.size);
  }
  std::string operator()(const config::Headers& headers) const {
    return fmt::format(
        "headers: {} changes to the request, {} to the response",
        headers.request.set.size() + headers.request.add.size() + headers.request.remove.size(),
        headers.response.set.size() + headers.response.add.size() + headers.response.remove.size());
  }
  std::string operator()(const config::BasicAuth& auth) const {
    if (head_.headers.contains(FieldId::authorization)) {
      return fmt::format("basic_auth: credentials would be checked (realm {})", auth.realm);
    }
    refused_ = status_of(Reason::credentials_missing);
    return "basic_auth: no credentials (401 credentials_missing)";
  }
  std::string operator()(const config::RateLimit& limit) const {
    return fmt::format("rate_limit: {}, burst {}, cost {}, by {}{}", to_text(limit.rate),
                       limit.bucket(), limit.cost, to_text(limit.key),
                       limit.dry_run ? ", dry run" : "");
  }
  std::string operator()(const config::ConcurrencyLimit& limit) const {
    return fmt::format("concurrency_limit: {} in flight, by {}", limit.limit, to_text(limit.key));
  }
  std::string operator()(const config::Jwt& jwt) const {
    std::string issuers;
    for (const config::JwtIssuer& issuer : jwt.issuers) {
      if (!issuers.empty()) issuers += ", ";
      issuers += fmt::format("{} ({})", issuer.issuer, fmt::join(issuer.algorithms, ", "));
    }
    std::string rules;
    for (const config::ClaimRule& rule : jwt.require) {
      rules += fmt::format("; requires {} {}", rule.claim, fmt::join(rule.values, " "));
    }
    const std::size_t offered = count_tokens(head_, jwt.from);
    if (offered > 1) {
      refused_ = status_of(Reason::token_invalid);
      return "jwt: more than one token (401 token_invalid)";
    }
    if (offered == 1) return fmt::format("jwt: the token would be verified: {}{}", issuers, rules);
    if (jwt.optional) return "jwt: no token, which is fine here";
    refused_ = status_of(Reason::token_missing);
    return "jwt: no token (401 token_missing)";
  }

  std::string operator()(const config::ApiKey& auth) const {
    if (head_.headers.contains(auth.header)) {
      return fmt::format("api_key: the key in {} would be looked up among {}", auth.header,
                         auth.keys.size());
    }
    refused_ = status_of(Reason::credentials_missing);
    return fmt::format("api_key: no {} (401 credentials_missing)", auth.header);
  }
  std::string operator()(const config::ForwardAuth& auth) const {
    return fmt::format(
        "forward_auth: {} would be asked for {}; without an answer {}", auth.upstream, auth.path,
        auth.on_error == config::OnError::deny ? "503 auth_unavailable" : "the request goes on");
  }

 private:
  const RequestHead& head_;
  const IpAddress& client_;
  int& refused_;
};

std::string fault_text(const config::Fault& fault) {
  std::vector<std::string> parts;
  if (fault.delay) {
    const std::chrono::duration<double> time = fault.delay->time;
    parts.push_back(fmt::format("{}% wait {}s", fault.delay->share * 100, time.count()));
  }
  if (fault.abort) {
    parts.push_back(
        fmt::format("{}% are answered {}", fault.abort->share * 100, fault.abort->status));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

// What becomes of a WebSocket handshake.
std::string upgrade_text(const config::Route& route) {
  return route.upgrades.empty()
             ? "the route has no `upgrades: [websocket]`: the upstream gets the handshake without "
               "its Upgrade, as a plain GET; over HTTP/2 it is 501"
             : "websocket: the handshake goes on";
}

std::string duration_text(Duration duration) {
  return duration == Duration::zero()
             ? "none"
             : fmt::format("{}s", std::chrono::duration<double>(duration).count());
}

}  // namespace

std::expected<Explanation, std::string> explain(const config::Config& config,
                                                const route::RouteTable& table,
                                                const ExplainRequest& asked,
                                                const LiveState& live) {
  Explanation out;
  const auto step = [&](std::string what, std::string text) {
    out.steps.push_back({std::move(what), std::move(text)});
  };
  const auto stop = [&](Reason reason, std::string_view text) {
    out.status = status_of(reason);
    step("answer", fmt::format("{} {}: {}", out.status, name(reason), text));
    return out;
  };

  unsigned listener = 0;
  const bool absolute = istarts_with(asked.url, "http");
  const auto speaks = [&](const config::Listener& one) {
    return one.tls.has_value() == istarts_with(asked.url, "https://");
  };
  // An absolute URL says which kind of listener it comes to.
  if (const auto fits = std::ranges::find_if(config.listeners, speaks);
      absolute && asked.listener.empty() && fits != config.listeners.end()) {
    listener = static_cast<unsigned>(fits - config.listeners.begin());
  }
  if (!asked.listener.empty()) {
    const auto found = std::ranges::find(config.listeners, asked.listener, &config::Listener::name);
    if (found == config.listeners.end())
      return std::unexpected("no such listener: " + asked.listener);
    listener = static_cast<unsigned>(found - config.listeners.begin());
  }
  const config::Listener& on = config.listeners[listener];
  if (!is_token(asked.method)) return std::unexpected("not a method: " + asked.method);

  Request request;
  RequestHead& head = request.head;
  std::string host_field;
  for (const auto& [field, value] : asked.headers) {
    if (!is_token(field)) return std::unexpected("not a field name: " + field);
    head.headers.add(field, value);
    if (iequals(field, "host")) host_field = value;
  }
  const auto url = parse_url(asked.url, host_field);
  if (!url) return std::unexpected("not an absolute URL or a path: " + asked.url);
  const auto from = IpAddress::parse(asked.from.empty() ? "127.0.0.1" : asked.from);
  if (!from) return std::unexpected("not an address: " + asked.from);

  head.method = parse_method(asked.method);
  head.method_text = asked.method;
  head.scheme = absolute ? url->scheme : on.tls ? Scheme::https : Scheme::http;
  head.authority = url->authority;
  const std::string host = host_of(url->authority);
  head.host = host;
  head.query = url->query;
  head.has_query = url->has_query;

  step("listener", fmt::format("{} at {}", on.name, on.bind.to_string()));
  ConnectionInfo connection;
  connection.listener = listener;
  connection.peer = SocketAddress(*from, 0);
  connection.peer_trusted = std::ranges::any_of(
      config.trusted_proxies, [&](const Cidr& one) { return one.contains(*from); });
  if (!connection.peer_trusted) strip_untrusted(head.headers);
  head.scheme = client_scheme(head.headers, head.scheme, connection.peer_trusted);
  const IpAddress client =
      client_ip(head.headers, *from, connection.peer_trusted, config.trusted_proxies);
  step("client", fmt::format("{}{}", client.to_string(),
                             connection.peer_trusted ? " (told by a trusted proxy)" : ""));

  if (head.method == Method::connect || head.method == Method::trace) {
    return stop(Reason::not_implemented, "CONNECT and TRACE are not served");
  }
  head.path = url->path;
  if (on.redirect_https && head.scheme == Scheme::http) {
    const std::string location = https_location(head, *on.redirect_https);
    if (location.empty()) {
      return stop(Reason::bad_request, std::string(no_host_to_redirect_to) + give_a_host);
    }
    step("redirect_https",
         fmt::format("{} {} (before routes)", on.redirect_https->status, location));
    out.status = on.redirect_https->status;
    out.routed = true;
    return out;
  }
  const auto normal = normalise_path(
      url->path, on.limits.empty_segments == config::EmptySegments::keep, head.headers.arena());
  if (!normal) return stop(Reason::bad_request, normal.error());
  head.path = normal->path;
  step("path", head.path == url->path
                   ? std::string(head.path)
                   : fmt::format("{} (normalised from {})", head.path, url->path));

  route::Query query = query_of(head, *normal, on.limits, listener);
  if (normal->parameters) {
    step("matched by", fmt::format("{} (path parameters do not count, and go on)", query.path));
  }
  route::Match match;
  const Matched matched = route_of(table, query, match);
  if (matched == Matched::as_preflight) {
    step("preflight", fmt::format("matched as {}", query.method_text));
  }
  for (const route::Step& one : table.explain(query)) {
    const std::string& route_name = config.routes[one.route].name;
    if (!one.matched) step("not " + route_name, one.why);
  }
  if (matched == Matched::no) {
    const std::string allow = table.allow(query);
    if (allow.empty() && host.empty()) {
      return stop(Reason::no_route,
                  std::string("no route takes this request; it has no host") + give_a_host);
    }
    if (allow.empty()) return stop(Reason::no_route, "no route takes this request");
    return stop(Reason::method_not_allowed, "allowed are " + allow);
  }
  const config::Route& route = *match.route;
  step("route", fmt::format("{}: {}", route.name, match_text(route.match)));
  if (normal->encoded_slash && route.encoded_slashes == config::EncodedSlashes::reject) {
    return stop(Reason::bad_request, "encoded slash in the path (encoded_slashes)");
  }
  int refused = 0;
  for (const std::string& middleware : route.middleware) {
    const config::Middleware* spec = config.find_middleware(middleware);
    if (spec == nullptr) continue;
    step("middleware " + middleware, std::visit(MiddlewareView(head, client, refused), spec->spec));
    if (refused != 0) {
      out.status = refused;
      out.routed = refused < 400;  // a preflight that is answered is not refused
      return out;
    }
  }
  Exchange exchange(connection, TimePoint{});
  exchange.client_ip = client;
  exchange.route = &route;
  exchange.route_name = route.name;
  exchange.rest = match.rest;
  std::copy_n(match.params.begin(), match.param_count, exchange.path_params.begin());
  const auto parsed = [&](const std::string& text) {
    return TemplateText::parse(text, route.match.path_params).value_or(TemplateText());
  };
  out.routed = true;
  if (route.fault) step("fault", fault_text(*route.fault));
  if (const auto* redirect = std::get_if<config::Redirect>(&route.action)) {
    const auto location = proxy::redirect_location(parsed(redirect->to), request, exchange);
    if (!location) {
      out.routed = false;
      return stop(Reason::bad_request, location.error());
    }
    out.status = redirect->status;
    step("redirect", fmt::format("{} {}", redirect->status, *location));
    return out;
  }
  if (const auto* respond = std::get_if<config::Respond>(&route.action)) {
    out.status = respond->status;
    step("respond", fmt::format("{}", respond->status));
    return out;
  }
  if (route.rewrite) {
    const std::string_view fault =
        proxy::Rewriting(*route.rewrite, route.match.path_params).apply(request, exchange);
    if (!fault.empty()) {
      out.routed = false;
      return stop(Reason::internal, fault);
    }
    step("rewrite",
         fmt::format("{}{}", head.path,
                     route.rewrite->host.empty() ? "" : fmt::format(" host {}", head.authority)));
  }
  if (head.method == Method::get &&
      iequals(head.headers.get(FieldId::upgrade).value_or(""), "websocket")) {
    step("upgrades", upgrade_text(route));
  }
  explain_upstreams(config, request, exchange, live, out);
  if (route.mirror) {
    step("mirror",
         fmt::format("{}% are copied to {}", route.mirror->sample * 100, route.mirror->upstream));
  }
  step("timeout",
       fmt::format("{} to the answer's head, {} idle after it", duration_text(route.timeout),
                   duration_text(route.stream_idle_timeout)));
  return out;
}

}  // namespace weir::server
