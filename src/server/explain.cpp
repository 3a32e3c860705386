#include "weir/server/explain.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "server/explain_answer.hpp"
#include "server/explain_upstreams.hpp"
#include "server/explain_words.hpp"
#include "server/https_location.hpp"
#include "server/route_of.hpp"
#include "weir/base/text.hpp"
#include "weir/http/answer.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/http/forwarded.hpp"
#include "weir/http/url_path.hpp"
#include "weir/http/variables.hpp"
#include "weir/middleware/builtin.hpp"
#include "weir/middleware/header_rewrite.hpp"
#include "weir/middleware/route_facts.hpp"
#include "weir/proxy/fixed_answers.hpp"
#include "weir/proxy/rewriting.hpp"
#include "weir/proxy/upstream_request.hpp"
#include "weir/server/snapshot.hpp"

namespace weir::server {
namespace {

// To who asks about a path alone.
constexpr const char* give_a_host = " (give an absolute URL or a Host)";

// In place of the UUID that a request gets, so that two explanations are the same.
constexpr std::string_view explained_id = "00000000-0000-4000-8000-000000000000";

class Explainer {
 public:
  Explainer(const config::Config& config, const route::RouteTable& table,
            const ExplainRequest& asked, const LiveState& live)
      : config_(config), table_(table), asked_(asked), live_(live) {}
  Explainer(const Explainer&) = delete;
  Explainer& operator=(const Explainer&) = delete;

  std::expected<Explanation, std::string> run() {
    if (const std::string fault = ask(); !fault.empty()) return std::unexpected(fault);
    if (passes_listener() && finds_route() && passes_chain()) act();
    return std::move(out_);
  }

 private:
  void step(std::string what, std::string text) {
    if (asked_.in_words) out_.steps.push_back({std::move(what), std::move(text)});
  }

  // The last step: `head` is the answer of Weir, or what an upstream's begins with.
  bool answer(Response response) {
    if (!asked_.in_words) return false;
    out_.decision.response_headers =
        answer_.fields(response.head.headers, config_, route_, request_, exchange_);
    return false;
  }

  bool refuse(Reason reason, std::string_view text, std::string_view allow = {}) {
    out_.status = status_of(reason);
    out_.routed = false;
    out_.decision.reason = reason;
    step("answer", fmt::format("{} {}: {}", out_.status, name(reason), text));
    if (!asked_.in_words) return false;
    Response response = problem(reason, text, explained_id);
    if (!allow.empty()) response.head.headers.add(FieldId::allow, "allow", allow);
    return answer(std::move(response));
  }

  bool answer_fixed(int status, std::string what, std::string text, Response response) {
    out_.status = status;
    out_.routed = true;
    step(std::move(what), std::move(text));
    return answer(std::move(response));
  }

  // Makes the request of what was asked; what is wrong with the question, "" for nothing.
  std::string ask() {
    absolute_ = istarts_with(asked_.url, "http");
    const auto speaks = [&](const config::Listener& one) {
      return one.tls.has_value() == istarts_with(asked_.url, "https://");
    };
    // An absolute URL says which kind of listener it comes to.
    if (const auto fits = std::ranges::find_if(config_.listeners, speaks);
        absolute_ && asked_.listener.empty() && fits != config_.listeners.end()) {
      listener_ = static_cast<unsigned>(fits - config_.listeners.begin());
    }
    if (!asked_.listener.empty()) {
      const auto found =
          std::ranges::find(config_.listeners, asked_.listener, &config::Listener::name);
      if (found == config_.listeners.end()) return "no such listener: " + asked_.listener;
      listener_ = static_cast<unsigned>(found - config_.listeners.begin());
    }
    if (!is_token(asked_.method)) return "not a method: " + asked_.method;
    std::string host_field;
    if (std::string fault = take_fields(host_field); !fault.empty()) return fault;
    auto url = parse_asked_url(asked_.url, host_field);
    if (!url) return "not an absolute URL or a path: " + asked_.url;
    url_ = std::move(*url);
    const auto from = IpAddress::parse(asked_.from.empty() ? "127.0.0.1" : asked_.from);
    if (!from) return "not an address: " + asked_.from;
    fill_head();
    come_from(*from);
    return {};
  }

  // "" or what is wrong with a field.
  std::string take_fields(std::string& host_field) {
    const config::Listener& on = config_.listeners[listener_];
    for (const auto& [field, value] : asked_.headers) {
      if (!is_token(field)) return "not a field name: " + field;
      if (field.contains('_')) {
        if (on.limits.underscores == config::Underscores::drop) continue;
        if (on.limits.underscores == config::Underscores::reject) bad_name_ = field;
      }
      const auto is_control = [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7F; };
      if (std::ranges::any_of(value, is_control)) return "not a field value: that of " + field;
      request_.head.headers.add(field, trim(value));  // as from the wire
      if (iequals(field, "host")) host_field = trim(value);
    }
    return {};
  }

  void fill_head() {
    RequestHead& head = request_.head;
    head.method = parse_method(asked_.method);
    head.method_text = asked_.method;
    head.scheme = absolute_                          ? url_.scheme
                  : config_.listeners[listener_].tls ? Scheme::https
                                                     : Scheme::http;
    head.authority = url_.authority;
    host_ = host_of(url_.authority);
    head.host = host_;
    head.query = url_.query;
    head.has_query = url_.has_query;
    if (const auto length = parse_decimal(head.headers.get(FieldId::content_length).value_or(""))) {
      head.framing = Framing::length;
      head.content_length = *length;
    }
    head.expect_continue = head.headers.contains(FieldId::expect);
    head.te_trailers = has_element(head.headers, FieldId::te, "trailers");
    head.upgrade_websocket = head.method == Method::get &&
                             iequals(head.headers.get(FieldId::upgrade).value_or(""), "websocket");
  }

  void come_from(const IpAddress& from) {
    const config::Listener& on = config_.listeners[listener_];
    RequestHead& head = request_.head;
    out_.decision.listener = on.name;
    step("listener", fmt::format("{} at {}", on.name, on.bind.to_string()));
    connection_.listener = listener_;
    connection_.listener_name = on.name;
    connection_.peer = SocketAddress(from, 0);
    connection_.peer_trusted = std::ranges::any_of(
        config_.trusted_proxies, [&](const Cidr& one) { return one.contains(from); });
    if (on.tls) {
      tls_.version = "TLSv1.3";
      tls_.sni = host_;
      if (asks_for_certificates(*on.tls)) tls_.client_identity = asked_.client_identity;
      connection_.tls = &tls_;
    }
    if (!connection_.peer_trusted) strip_untrusted(head.headers, gateway_fields(config_));
    head.scheme = client_scheme(head.headers, head.scheme, connection_.peer_trusted);
    RequestContext& context = exchange_.fill_context();
    context.client_ip =
        client_ip(head.headers, from, connection_.peer_trusted, config_.trusted_proxies);
    context.request_id_length = static_cast<std::uint8_t>(
        explained_id.copy(context.request_id_text.data(), context.request_id_text.size()));
    step("client", fmt::format("{}{}", context.client_ip.to_string(),
                               connection_.peer_trusted ? " (told by a trusted proxy)" : ""));
  }

  // What is decided before a route is looked for.
  bool passes_listener() {
    const config::Listener& on = config_.listeners[listener_];
    RequestHead& head = request_.head;
    if (!bad_name_.empty()) {
      return refuse(Reason::bad_request, "field name with an underscore: " + bad_name_);
    }
    if (const auto expect = head.headers.get(FieldId::expect);
        expect && !iequals(*expect, "100-continue")) {
      return refuse(Reason::expectation_failed, "only 100-continue may be expected");
    }
    if (head.method == Method::connect || head.method == Method::trace) {
      return refuse(Reason::not_implemented, "CONNECT and TRACE are not served");
    }
    head.path = url_.path;
    if (on.redirect_https && head.scheme == Scheme::http) {
      const std::string location = https_location(head, *on.redirect_https);
      if (location.empty()) {
        return refuse(Reason::bad_request,
                      fmt::format("{}{}", no_host_to_redirect_to, give_a_host));
      }
      const int status = on.redirect_https->status;
      out_.decision.redirect = location;
      return answer_fixed(status, "redirect_https",
                          fmt::format("{} {} (before routes)", status, location),
                          proxy::redirect_answer(status, location));
    }
    if (head.method == Method::options &&
        parse_decimal(head.headers.get("max-forwards").value_or("")) == 0u) {
      return answer_fixed(204, "answer", "204: Max-Forwards is 0, so the gateway answers itself",
                          simple_answer(204, {}, {}));
    }
    return true;
  }

  bool finds_route() {
    const config::Listener& on = config_.listeners[listener_];
    RequestHead& head = request_.head;
    const auto normal = normalise_path(
        url_.path, on.limits.empty_segments == config::EmptySegments::keep, head.headers.arena());
    if (!normal) return refuse(Reason::bad_request, normal.error());
    head.path = normal->path;
    step("path", head.path == url_.path
                     ? std::string(head.path)
                     : fmt::format("{} (normalised from {})", head.path, url_.path));
    if (is_loop(head.headers, config_.server.via.name)) {
      return refuse(Reason::proxy_loop, "Via shows that the request came through here too often");
    }
    route::Query query = query_of(head, *normal, on.limits, listener_);
    if (normal->parameters) {
      step("matched by",
           fmt::format("{} (path parameters do not count; they are forwarded)", query.path));
    }
    const Matched matched = route_of(table_, query, match_);
    if (matched == Matched::as_preflight) {
      step("preflight", fmt::format("matched as {}", query.method_text));
    }
    if (asked_.in_words) {
      for (const route::Step& one : table_.explain(query)) {
        if (!one.matched) step("not " + config_.routes[one.route].name, one.why);
      }
    }
    if (matched == Matched::no) return misses(table_.allow(query));
    route_ = match_.route;
    out_.decision.route = route_->name;
    step("route", asked_.in_words ? fmt::format("{}: {}", route_->name, match_text(route_->match))
                                  : std::string());
    facts_ = facts_of(*route_);
    RequestContext& context = exchange_.fill_context();
    context.route = &facts_;
    context.route_name = route_->name;
    context.rest = match_.rest;
    std::copy_n(match_.params.begin(), match_.param_count, context.path_params.begin());
    if (!normal->encoded_slash) return true;
    if (route_->encoded_slashes == config::EncodedSlashes::reject) {
      return refuse(Reason::bad_request, "encoded slash in the path (encoded_slashes)");
    }
    const auto fits =
        check_encoded_slashes(table_, query, on.limits, matched, match_, head.headers.arena());
    return fits ? true : refuse(Reason::bad_request, fits.error());
  }

  bool misses(const std::string& allow) {
    if (!allow.empty()) return refuse(Reason::method_not_allowed, "allowed: " + allow, allow);
    return refuse(Reason::no_route,
                  host_.empty()
                      ? fmt::format("no route matches this request; it has no host{}", give_a_host)
                      : "no route matches this request");
  }

  bool passes_chain() {
    const bool is_handshake = request_.head.upgrade_websocket;
    strip_hop_by_hop(request_.head.headers);
    for (const std::string& name : route_->middleware) {
      const config::Middleware* middleware = config_.find_middleware(name);
      if (middleware == nullptr) continue;
      Explained explained = explain_middleware(config_, *middleware, request_, exchange_);
      step("middleware " + name, explained.text);
      answer_.passes(std::move(explained.on_answer));
      if (explained.status == 0) continue;
      out_.status = explained.status;
      out_.routed = explained.status < 400;  // a preflight that is answered is not refused
      out_.decision.reason = explained.reason;
      return answer(explained.reason == Reason::none ? simple_answer(explained.status, {}, {})
                                                     : problem(explained.reason, "", explained_id));
    }
    request_.head.upgrade_websocket =
        is_handshake && std::ranges::find(route_->upgrades, "websocket") != route_->upgrades.end();
    is_handshake_ = is_handshake;
    return true;
  }

  void act() {
    const config::Route& route = *route_;
    out_.routed = true;
    if (route.fault) step("fault", fault_text(*route.fault));
    if (const auto* redirect = std::get_if<config::Redirect>(&route.action)) {
      const auto to = TemplateText::parse(redirect->to, route.match.path_params);
      const auto location =
          proxy::redirect_location(to.value_or(TemplateText()), request_, exchange_);
      if (!location) return void(refuse(Reason::bad_request, location.error()));
      out_.decision.redirect = *location;
      answer_fixed(redirect->status, "redirect", fmt::format("{} {}", redirect->status, *location),
                   proxy::redirect_answer(redirect->status, *location));
    } else if (const auto* respond = std::get_if<config::Respond>(&route.action)) {
      answer_fixed(respond->status, "respond", fmt::format("{}", respond->status),
                   asked_.in_words
                       ? proxy::fixed_answer(*respond, route.match.path_params, request_, exchange_)
                       : Response());
    } else {
      forward(route);
    }
  }

  void forward(const config::Route& route) {
    Decision& decision = out_.decision;
    RequestHead& head = request_.head;
    // Of the request as the client sent it.
    Explanation upstreams;
    explain_upstreams(config_, route, request_, exchange_, live_, asked_.in_words, upstreams);
    decision.shares = std::move(upstreams.decision.shares);
    decision.upstream = std::move(upstreams.decision.upstream);
    if (!decision.upstream.empty()) exchange_.record.tell_upstream(decision.upstream);
    if (asked_.in_words) {
      const config::Via& via = config_.server.via;
      proxy::write_fields(request_, exchange_,
                          via.request ? std::string_view(via.name) : std::string_view(),
                          HeaderRewrite(route.request_headers, route.match.path_params));
    }
    if (route.rewrite) {
      const std::string_view fault =
          proxy::Rewriting(*route.rewrite, route.match.path_params).apply(request_, exchange_);
      if (!fault.empty()) return void(refuse(Reason::internal, fault));
      step("rewrite",
           fmt::format("{}{}", head.path,
                       route.rewrite->host.empty() ? "" : fmt::format(" host {}", head.authority)));
    }
    decision.is_forwarded = true;
    decision.path = head.path;
    decision.host = head.authority;
    if (!asked_.in_words) return;
    decision.request_headers = fields_of(head.headers);
    if (is_handshake_) step("upgrades", upgrade_text(route));
    std::ranges::move(upstreams.steps, std::back_inserter(out_.steps));
    if (route.mirror) {
      step("mirror",
           fmt::format("{}% are copied to {}", route.mirror->sample * 100, route.mirror->upstream));
    }
    if (route.hedge) step("hedge", hedge_text(*route.hedge, head.method));
    step("timeout",
         fmt::format("{} to the answer's head, then at most {} without data",
                     duration_text(route.timeout), duration_text(route.stream_idle_timeout)));
    answer(Response());
  }

  const config::Config& config_;
  const route::RouteTable& table_;
  const ExplainRequest& asked_;
  const LiveState& live_;

  Explanation out_;
  AskedUrl url_;
  std::string host_;
  std::string bad_name_;  // a field's with an underscore
  unsigned listener_ = 0;
  bool absolute_ = false;
  bool is_handshake_ = false;  // of a WebSocket
  TlsFacts tls_;
  ConnectionInfo connection_;
  RouteFacts facts_;
  route::Match match_;
  const config::Route* route_ = nullptr;
  Request request_;
  Exchange exchange_{connection_, TimePoint{}};
  ExplainedAnswer answer_;
};

}  // namespace

std::expected<Explanation, std::string> explain(const config::Config& config,
                                                const route::RouteTable& table,
                                                const ExplainRequest& asked,
                                                const LiveState& live) {
  return Explainer(config, table, asked, live).run();
}

}  // namespace weir::server
