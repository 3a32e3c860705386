#include "server/gateway.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "server/debug_steps.hpp"
#include "server/exchange_record.hpp"
#include "server/https_location.hpp"
#include "server/listener_edition.hpp"
#include "server/route_of.hpp"
#include "weir/base/text.hpp"
#include "weir/http/answer.hpp"
#include "weir/http/deadline_fields.hpp"
#include "weir/http/forwarded.hpp"
#include "weir/http/request_id.hpp"
#include "weir/http/url_path.hpp"
#include "weir/net/loop_of.hpp"
#include "weir/telemetry/occasional.hpp"

namespace weir::server {
namespace {

// RFC 9110 section 7.6.2: false when we are the last whom this OPTIONS is for; counts down.
bool may_go_on(HeaderMap& headers) {
  const auto left = parse_decimal(headers.get("max-forwards").value_or(""));
  if (!left) return true;
  if (*left == 0) return false;
  headers.set("Max-Forwards", std::to_string(*left - 1));
  return true;
}

const Snapshot& snapshot_of(const Exchange& exchange) noexcept {
  return *static_cast<const PinnedSnapshot&>(*exchange.configuration).shared;
}

// The client waits no longer than it says.
void heed_deadline(const RequestHead& head, const config::Deadlines& accepted, Exchange& exchange) {
  const auto time = told_timeout(
      head, {.grpc_timeout = accepted.grpc_timeout, .request_timeout = accepted.request_timeout});
  if (!time) return;
  TransferClock& clock = exchange.clock;
  clock.hard_deadline = std::min(clock.hard_deadline, exchange.context.head_received + *time);
}

}  // namespace

void Gateway::adopt(std::shared_ptr<const Snapshot> snapshot) {
  current_ = LocalPtr(new PinnedSnapshot(std::move(snapshot)));
  for (Served& served : served_) {
    if (!served.name.empty()) serve(served);
  }
}

void Gateway::serve(Served& served) const {
  const auto& listeners = current_->shared->config().listeners;
  const auto found = std::ranges::find(listeners, served.name, &config::Listener::name);
  if (found != listeners.end()) {
    served.snapshot = current_;
    served.index = static_cast<unsigned>(found - listeners.begin());
  } else if (!served.snapshot) {
    served.snapshot = current_;
  }
}

void Gateway::add_listener(unsigned number, std::string_view name) {
  if (served_.size() <= number) served_.resize(number + 1);
  served_[number].name = name;
  serve(served_[number]);
}

void Gateway::remove_listener(unsigned number) noexcept { served_[number] = {}; }

Response Gateway::answer(Reason reason, std::string_view detail, const Exchange& exchange) const {
  return problem(reason, detail, exchange.context.request_id());
}

Task<Response> Gateway::handle(Request& request, Exchange& exchange) {
  const ConnectionInfo& connection = exchange.context.connection;
  const Served& served = served_[connection.listener];
  exchange.configuration = served.snapshot;
  const Snapshot& snapshot = *served.snapshot->shared;
  const config::Config& config = snapshot.config();
  RequestHead& head = request.head;
  HeaderMap& headers = head.headers;

  if (!connection.peer_trusted) strip_untrusted(headers, snapshot.gateway_fields());
  head.scheme = client_scheme(headers, connection.tls != nullptr ? Scheme::https : Scheme::http,
                              connection.peer_trusted);
  exchange.fill_context().client_ip =
      client_ip(headers, connection.peer.ip(), connection.peer_trusted, config.trusted_proxies);
  assign_request_id(exchange, headers);
  if (head.raw_target) [[unlikely]]
    forgive_raw_target(exchange);
  const tracing::Policy* const tracing = snapshot.tracing().get();
  if (tracing == nullptr) [[likely]]
    exchange.fill_context().trace_id = keep_valid_trace(headers);
  if (tells_of_clients()) [[unlikely]]
    tell_request(head, exchange);

  std::unique_ptr<Response> refusal;
  const CompiledRoute* const found = route(request, exchange, snapshot, served.index, refusal);
  if (found == nullptr) {
    if (tracing != nullptr) begin_trace(head, exchange, *tracing, nullptr);
    finish(*refusal, exchange, snapshot);
    co_return std::move(*refusal);
  }
  // A route's conditions may ask for them (Upgrade), nobody behind it.
  strip_hop_by_hop(headers);
  // Behind that, so that nobody can name our own field away.
  if (tracing != nullptr) [[unlikely]]
    begin_trace(head, exchange, *tracing, found);
  exchange.clock.idle_timeout = found->config->stream_idle_timeout;
  exchange.clock.hard_deadline =
      deadline_after(exchange.context.started, found->config->max_duration);
  if (may_tell_timeout(head)) [[unlikely]]
    heed_deadline(head, config.server.deadline, exchange);
  Task<Response> answering = found->chain.handle(request, exchange, *found->last);
  co_await answering.finished();
  Response& response = answering.result();
  // Who refuses before an upstream is chosen is in the chain.
  if (exchange.trace && response.reason != Reason::none && exchange.record.upstream().empty())
      [[unlikely]] {
    exchange.trace->refused(net::loop_of(exchange).now());
  }
  found->response_headers.apply(response.head.headers, request, exchange);
  finish(response, exchange, snapshot);
  if (std::holds_alternative<ByteStream*>(response.body)) {
    enter_tunnel(request.head, response.head, exchange, *found);
  }
  co_return std::move(response);
}

void Gateway::begin_trace(RequestHead& head, Exchange& exchange, const tracing::Policy& policy,
                          const CompiledRoute* route) {
  std::string_view& id = exchange.fill_context().trace_id;
  if (route == nullptr) {
    id = tracing::begin(policy, policy.share, {}, head, exchange);
  } else if (route->tracing.on) {
    id = tracing::begin(policy, route->tracing.share, route->config->match.path, head, exchange);
  } else {
    id = keep_valid_trace(head.headers);
  }
}

// A tunnel may last for days: it keeps what its end needs, and not the whole snapshot.
void Gateway::enter_tunnel(RequestHead& request, ResponseHead& response, Exchange& exchange,
                           const CompiledRoute& route) {
  const Snapshot& snapshot = snapshot_of(exchange);
  const LocalPtr kept(new TunnelRecord(
      route.metrics, process_.metrics.upstream(exchange.record.upstream()),
      snapshot.access_policy(), route.config->access_log,
      exchange.trace ? snapshot.tracing() : std::shared_ptr<const tracing::Policy>()));
  RequestContext& context = exchange.fill_context();
  request.headers.own_texts();
  response.headers.own_texts();
  for (std::string_view* const text :
       {&request.method_text, &request.target, &request.authority, &request.host, &request.path,
        &request.query, &context.route_name, &context.trace_id, &exchange.decisions.user}) {
    *text = request.headers.arena().copy(*text);
  }
  exchange.record.tell_tunnel(request.headers.arena());
  if (exchange.trace) exchange.trace->own_texts(request.headers.arena());
  telemetry::RouteShard& shard = route.metrics->shard(worker_);
  shard.in_flight.add(-1);
  shard.tunnels.add();
  context.route = nullptr;
  exchange.configuration = kept;
}

// Seldom enough for the lock of a look-up: no peer of today sends such targets.
void Gateway::forgive_raw_target(const Exchange& exchange) {
  const ConnectionInfo& connection = exchange.context.connection;
  process_.metrics.listener(connection.listener_name)->shard(worker_).raw_targets.add();
  telemetry::log::occasionally(
      exchange.context.started, telemetry::log::Level::warn, "malformed request accepted",
      {{"listener", connection.listener_name}, {"key", "raw_target_bytes"}},
      {{"client_ip", exchange.context.client_ip.to_string()}});
}

const CompiledRoute* Gateway::route(Request& request, Exchange& exchange, const Snapshot& snapshot,
                                    unsigned index, std::unique_ptr<Response>& refusal) {
  RequestHead& head = request.head;
  const auto refuse_with = [&](Reason reason, std::string_view detail) {
    refusal = std::make_unique<Response>(answer(reason, detail, exchange));
    return nullptr;
  };
  const config::Listener& listener = edition_of(exchange.context.connection).config;
  if (listener.redirect_https && head.scheme == Scheme::http && head.path != "*") {
    const std::string location = https_location(head, *listener.redirect_https);
    if (location.empty()) return refuse_with(Reason::bad_request, no_host_to_redirect_to);
    refusal = std::make_unique<Response>(simple_answer(listener.redirect_https->status, {}, {}));
    refusal->head.headers.add(FieldId::location, "location", location);
    return nullptr;
  }
  if (head.path == "*" || (head.method == Method::options && !may_go_on(head.headers))) {
    refusal = std::make_unique<Response>(simple_answer(204, {}, {}));
    return nullptr;
  }
  const TlsFacts* const tls = exchange.context.connection.tls;
  if (tls != nullptr && tls->serves && !tls->serves(head.host)) {
    return refuse_with(Reason::misdirected,
                       "this host needs a new connection: its client_auth is not that of this one");
  }
  const config::Limits& limits = listener.limits;
  const auto normal = normalise_path(
      head.path, limits.empty_segments == config::EmptySegments::keep, head.headers.arena());
  if (!normal) return refuse_with(Reason::bad_request, normal.error());
  head.path = normal->path;
  head.encoded_slash = normal->encoded_slash;
  if (is_loop(head.headers, snapshot.config().server.via.name)) {
    return refuse_with(Reason::proxy_loop, "");
  }

  route::Query query = query_of(head, *normal, limits, index);
  route::Match match;
  const Matched how = route_of(snapshot.table(), query, match);
  if (how == Matched::no) {
    const std::string allow = snapshot.table().allow(query);
    if (allow.empty()) return refuse_with(Reason::no_route, "no route matches this request");
    refuse_with(Reason::method_not_allowed, "method " + std::string(head.method_text));
    refusal->head.headers.add(FieldId::allow, "allow", allow);
    return nullptr;
  }
  const CompiledRoute& compiled = snapshot.route(match.index);
  compiled.metrics->shard(worker_).in_flight.add();
  RequestContext& context = exchange.fill_context();
  context.route_index = match.index;
  context.route = &compiled.facts;
  context.route_name = compiled.config->name;
  std::copy_n(match.params.begin(), match.param_count, context.path_params.begin());
  context.rest = match.rest;
  if (head.encoded_slash) {
    if (compiled.config->encoded_slashes == config::EncodedSlashes::reject) {
      return refuse_with(Reason::bad_request, "encoded slash in the path (encoded_slashes)");
    }
    const auto fits =
        check_encoded_slashes(snapshot.table(), query, limits, how, match, head.headers.arena());
    if (!fits) return refuse_with(Reason::bad_request, fits.error());
  }
  return &compiled;
}

void Gateway::begin_unread(Exchange& exchange) {
  exchange.configuration = served_[exchange.context.connection.listener].snapshot;
  exchange.fill_context().client_ip = exchange.context.connection.peer.ip();
  assign_request_id(exchange, HeaderMap{});
}

Response Gateway::refuse(const Error& error, Exchange& exchange) {
  if (!exchange.configuration) begin_unread(exchange);
  Response response = problem(error, exchange.context.request_id());
  finish(response, exchange, snapshot_of(exchange));
  return response;
}

void Gateway::finish(Response& response, Exchange& exchange, const Snapshot& snapshot) const {
  if (!response.detail.empty()) exchange.record.tell_detail(response.detail);
  if (tells_of_clients()) [[unlikely]]
    tell_refused(response, exchange);
  HeaderMap& headers = response.head.headers;
  headers.remove(FieldId::x_request_id);
  headers.add_view(FieldId::x_request_id, "X-Request-Id", exchange.context.request_id());
  if (const std::string_view hsts = edition_of(exchange.context.connection).hsts; !hsts.empty()) {
    headers.remove("strict-transport-security");  // there is to be only one (RFC 6797 section 7.1)
    headers.add_view(FieldId::other, "Strict-Transport-Security", hsts);
  }
  const config::Via& via = snapshot.config().server.via;
  if (via.response) headers.add(FieldId::via, "Via", "1.1 " + via.name);
}

void Gateway::completed(const Request& request, Exchange& exchange,
                        const Outcome& outcome) noexcept {
  if (!exchange.configuration) begin_unread(exchange);
  telemetry::RouteShard* shard = &unrouted_;
  const telemetry::AccessPolicy* access = nullptr;
  const tracing::Policy* tracing = nullptr;
  bool logged = true;
  if (exchange.record.tunnelled()) {
    const auto& tunnel = static_cast<const TunnelRecord&>(*exchange.configuration);
    shard = &tunnel.route->shard(worker_);
    access = &tunnel.access;
    logged = tunnel.logged;
    tracing = tunnel.tracing.get();
  } else {
    const Snapshot& snapshot = snapshot_of(exchange);
    const bool routed = exchange.context.route_index != RequestContext::no_route;
    if (routed) {
      const CompiledRoute& route = snapshot.route(exchange.context.route_index);
      shard = &route.metrics->shard(worker_);
      logged = route.config->access_log;
    }
    access = &snapshot.access_policy();
    tracing = snapshot.tracing().get();
  }
  if (tells_of_clients()) [[unlikely]]
    tell_ended(exchange, outcome);
  count_exchange(*shard, request.head, exchange, outcome);
  traffic_.count(outcome.status, outcome.reason);
  write_access_line(process_.access_log, process_.access_tap, *access, logged, request.head,
                    exchange, outcome);
  if (exchange.trace) [[unlikely]] {
    tracing::end(*tracing, request.head, exchange, outcome,
                 told_grpc_status(request.head, exchange, outcome));
  }
}

}  // namespace weir::server
