#include "weir/server/explain.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "server/explain_upstreams.hpp"
#include "server/https_location.hpp"
#include "server/route_of.hpp"
#include "weir/base/text.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/http/forwarded.hpp"
#include "weir/http/url_path.hpp"
#include "weir/http/variables.hpp"
#include "weir/middleware/builtin.hpp"
#include "weir/middleware/route_facts.hpp"
#include "weir/proxy/fixed_answers.hpp"
#include "weir/proxy/rewriting.hpp"
#include "weir/server/snapshot.hpp"

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

std::string fault_text(const config::Fault& fault) {
  std::vector<std::string> parts;
  if (fault.delay) {
    const std::chrono::duration<double> time = fault.delay->time;
    parts.push_back(fmt::format("{}% wait {}s", fault.delay->share * 100, time.count()));
  }
  if (fault.abort) {
    parts.push_back(
        fmt::format("{}% are answered with {}", fault.abort->share * 100, fault.abort->status));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

// What becomes of a WebSocket handshake.
std::string upgrade_text(const config::Route& route) {
  return route.upgrades.empty()
             ? "the route has no `upgrades: [websocket]`: the upstream gets the handshake without "
               "its Upgrade, as a plain GET; over HTTP/2 it is 501"
             : "websocket: the handshake is forwarded";
}

std::string duration_text(Duration duration) {
  return duration == Duration::zero()
             ? "none"
             : fmt::format("{}s", std::chrono::duration<double>(duration).count());
}

// Whether it has content is not known here.
std::string hedge_text(const config::Hedge& hedge, Method method) {
  if (!is_idempotent(method)) return "not for this method";
  constexpr std::array<std::string_view, 5> words{"", "p50", "p90", "p95", "p99"};
  const std::string_view word = words[static_cast<std::size_t>(hedge.after)];
  return fmt::format(
      "without content: at most {} more after {}", hedge.most,
      word.empty() ? duration_text(hedge.time) : fmt::format("{} of the upstream's heads", word));
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
  std::string bad_name;
  for (const auto& [field, value] : asked.headers) {
    if (!is_token(field)) return std::unexpected("not a field name: " + field);
    if (field.contains('_')) {
      if (on.limits.underscores == config::Underscores::drop) continue;
      if (on.limits.underscores == config::Underscores::reject) bad_name = field;
    }
    const auto is_control = [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7F; };
    if (std::ranges::any_of(value, is_control)) {
      return std::unexpected("not a field value: that of " + field);
    }
    head.headers.add(field, trim(value));  // as from the wire
    if (iequals(field, "host")) host_field = trim(value);
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
  if (const auto length = parse_decimal(head.headers.get(FieldId::content_length).value_or(""))) {
    head.framing = Framing::length;
    head.content_length = *length;
  }

  step("listener", fmt::format("{} at {}", on.name, on.bind.to_string()));
  ConnectionInfo connection;
  connection.listener = listener;
  connection.peer = SocketAddress(*from, 0);
  connection.peer_trusted = std::ranges::any_of(
      config.trusted_proxies, [&](const Cidr& one) { return one.contains(*from); });
  if (!connection.peer_trusted) strip_untrusted(head.headers, gateway_fields(config));
  head.scheme = client_scheme(head.headers, head.scheme, connection.peer_trusted);
  const IpAddress client =
      client_ip(head.headers, *from, connection.peer_trusted, config.trusted_proxies);
  step("client", fmt::format("{}{}", client.to_string(),
                             connection.peer_trusted ? " (told by a trusted proxy)" : ""));

  if (!bad_name.empty()) {
    return stop(Reason::bad_request, "field name with an underscore: " + bad_name);
  }
  if (const auto expect = head.headers.get(FieldId::expect);
      expect && !iequals(*expect, "100-continue")) {
    return stop(Reason::expectation_failed, "only 100-continue may be expected");
  }
  if (head.method == Method::connect || head.method == Method::trace) {
    return stop(Reason::not_implemented, "CONNECT and TRACE are not served");
  }
  head.path = url->path;
  if (on.redirect_https && head.scheme == Scheme::http) {
    const std::string location = https_location(head, *on.redirect_https);
    if (location.empty()) {
      return stop(Reason::bad_request, fmt::format("{}{}", no_host_to_redirect_to, give_a_host));
    }
    step("redirect_https",
         fmt::format("{} {} (before routes)", on.redirect_https->status, location));
    out.status = on.redirect_https->status;
    out.routed = true;
    return out;
  }
  if (head.method == Method::options &&
      parse_decimal(head.headers.get("max-forwards").value_or("")) == 0u) {
    out.status = 204;
    out.routed = true;
    step("answer", "204: Max-Forwards is 0, so the gateway answers itself");
    return out;
  }
  const auto normal = normalise_path(
      url->path, on.limits.empty_segments == config::EmptySegments::keep, head.headers.arena());
  if (!normal) return stop(Reason::bad_request, normal.error());
  head.path = normal->path;
  step("path", head.path == url->path
                   ? std::string(head.path)
                   : fmt::format("{} (normalised from {})", head.path, url->path));

  if (is_loop(head.headers, config.server.via.name)) {
    return stop(Reason::proxy_loop, "Via shows that the request came through here too often");
  }
  route::Query query = query_of(head, *normal, on.limits, listener);
  if (normal->parameters) {
    step("matched by",
         fmt::format("{} (path parameters do not count; they are forwarded)", query.path));
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
                  fmt::format("no route matches this request; it has no host{}", give_a_host));
    }
    if (allow.empty()) return stop(Reason::no_route, "no route matches this request");
    return stop(Reason::method_not_allowed, "allowed: " + allow);
  }
  const config::Route& route = *match.route;
  step("route", fmt::format("{}: {}", route.name, match_text(route.match)));
  if (normal->encoded_slash) {
    if (route.encoded_slashes == config::EncodedSlashes::reject) {
      return stop(Reason::bad_request, "encoded slash in the path (encoded_slashes)");
    }
    const auto fits =
        check_encoded_slashes(table, query, on.limits, matched, match, head.headers.arena());
    if (!fits) return stop(Reason::bad_request, std::string(fits.error()));
  }
  const RouteFacts facts = facts_of(route);
  Exchange exchange(connection, TimePoint{});
  RequestContext& context = exchange.fill_context();
  context.client_ip = client;
  context.route = &facts;
  context.route_name = route.name;
  context.rest = match.rest;
  std::copy_n(match.params.begin(), match.param_count, context.path_params.begin());
  for (const std::string& name : route.middleware) {
    const config::Middleware* middleware = config.find_middleware(name);
    if (middleware == nullptr) continue;
    const Explained explained = explain_middleware(config, *middleware, request, exchange);
    step("middleware " + name, explained.text);
    if (explained.status != 0) {
      out.status = explained.status;
      out.routed = explained.status < 400;  // a preflight that is answered is not refused
      return out;
    }
  }
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
  explain_upstreams(config, route, request, exchange, live, out);
  if (route.mirror) {
    step("mirror",
         fmt::format("{}% are copied to {}", route.mirror->sample * 100, route.mirror->upstream));
  }
  if (route.hedge) step("hedge", hedge_text(*route.hedge, head.method));
  step("timeout",
       fmt::format("{} to the answer's head, then at most {} without data",
                   duration_text(route.timeout), duration_text(route.stream_idle_timeout)));
  return out;
}

}  // namespace weir::server
