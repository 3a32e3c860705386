#include "weir/proxy/forwarder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "proxy/client_fetch.hpp"
#include "proxy/content_limit.hpp"
#include "proxy/deadline_field.hpp"
#include "proxy/fallback.hpp"
#include "proxy/fetch/again.hpp"
#include "proxy/forward_refusals.hpp"
#include "proxy/queue_key.hpp"
#include "proxy/websocket.hpp"
#include "weir/base/sip_hash.hpp"
#include "weir/base/text.hpp"
#include "weir/control/sticky_split.hpp"
#include "weir/control/weighted_split.hpp"
#include "weir/http/answer.hpp"
#include "weir/http/forwarded.hpp"
#include "weir/middleware/header_rewrite.hpp"
#include "weir/net/loop_of.hpp"
#include "weir/proxy/balancer_key.hpp"
#include "weir/proxy/rewriting.hpp"
#include "weir/proxy/split_choice.hpp"
#include "weir/proxy/upstream_request.hpp"

namespace weir::proxy {
namespace {

// How often a request is sent again that upstreams refuse without looking at it.
constexpr unsigned most_repeats = 3;

class Forwarder final : public Handler {
 public:
  Forwarder(const config::Route& route, const config::Server& server,
            std::vector<ForwardTarget> targets, std::optional<ForwardTarget> fallback,
            unsigned workers, telemetry::Metrics& metrics, const control::SplitOverrides& overrides,
            std::span<const std::string> gateway_fields)
      : route_(route),
        overrides_(overrides),
        gateway_fields_(gateway_fields),
        deadlines_(server.deadline),
        via_name_(server.via.request ? std::string_view(server.via.name) : std::string_view()),
        request_headers_(route.request_headers, route.match.path_params),
        websocket_(std::ranges::find(route.upgrades, "websocket") != route.upgrades.end()),
        is_split_(std::get<config::UpstreamAction>(route.action).is_split),
        choice_(std::get<config::UpstreamAction>(route.action), route.match.path_params) {
    if (route.hedge) hedge_.emplace(*route.hedge);
    for (ForwardTarget& target : targets) {
      configured_.push_back(target.weight);
      targets_.push_back(target_of(std::move(target), metrics));
      if (const auto& key = targets_.back().key) sets_cookies_ |= !key->cookie().empty();
      const std::string& name = targets_.back().cluster->name();
      if (is_split_) targets_.back().split = metrics.split(route.name, name);
    }
    if (route.fallback) {
      fallback_ = std::make_unique<Fallback>(route, metrics.fallback(route.name));
      if (fallback) instead_ = target_of(std::move(*fallback), metrics);
    }
    for (unsigned i = 0; i < workers; ++i)
      splits_.push_back(
          WorkerSplit{control::WeightedSplit(configured_), control::StickySplit(configured_)});
    if (route.retry) retry_.emplace(*route.retry);
    if (choice_.sticky() || sets_cookies_) cookie_key_ = random_sip_key();
    if (route.rewrite) rewriting_.emplace(*route.rewrite, route.match.path_params);
  }

  Task<Response> handle(Request& request, Exchange& exchange) override {
    const RequestHead& head = request.head;
    if (content_is_too_long(head, exchange)) {
      return refusal(Reason::body_too_large, "the content is larger than the limit", exchange);
    }
    if (head.upgrade_websocket && !websocket_) {
      tell_of_handshake(exchange);
      if (head.version == Version::http2) {
        return refusal(Reason::not_implemented, no_upgrades, exchange);
      }
    }
    NewCookie split_cookie;
    NewCookie endpoint_cookie;
    const Target& target = pick(request, exchange, split_cookie);
    exchange.record.tell_upstream(target.cluster->name());
    Sending how{.start = exchange.context.head_received, .path = head.path};
    // Of the request as the client sent it.
    if (target.key) how.key = key_of(*target.key, request, exchange, split_cookie, endpoint_cookie);
    if (target.fair) how.fair = target.fair->of(request, exchange);
    // Who was chosen and is the fallback, too, is not asked twice.
    Task<Response> answering = fallback_ && target.cluster != instead_.cluster
                                   ? serve_or_fall_back(request, exchange, target, how)
                                   : serve(request, exchange, target, how);
    if (split_cookie.line.empty() && endpoint_cookie.line.empty()) return answering;
    return with_cookies(std::move(answering), split_cookie.line, endpoint_cookie.line);
  }

 private:
  struct Target {
    std::shared_ptr<upstream::Cluster> cluster;
    std::size_t response_header_size;
    std::shared_ptr<telemetry::UpstreamMetrics> metrics;
    std::shared_ptr<telemetry::SplitMetrics> split;
    std::optional<BalancerKey> key;
    std::optional<QueueKey> fair;
    control::LatencyWindow::Watch heads{};  // of the cluster, where somebody asks for its quantiles
  };
  // What the answer is to set; empty: nothing. In the request's arena.
  struct NewCookie {
    std::string_view value;
    std::string_view line;
  };
  // A cache line each: workers write theirs for every request.
  struct alignas(64) WorkerSplit {
    control::WeightedSplit turns;
    control::StickySplit places;
    std::uint64_t seen = 0;     // generation of the overrides
    std::uint64_t cookies = 0;  // set so far
  };
  // How a request is sent to a target.
  struct Sending {
    TimePoint start{};                   // where the route's `timeout` begins
    std::string_view path;               // the request's, before a rewriting
    std::optional<std::uint64_t> key{};  // as of upstream::Caller, as the next two
    bool may_panic = true;
    std::uint64_t fair = 0;
    bool may_be_followed = false;  // by the fallback
    ReplayableBody* content{};     // which that would read
    bool may_retry = true;         // where the route has `retry` or `hedge`
    DeadlineField deadline{};
  };

  Target target_of(ForwardTarget&& from, telemetry::Metrics& metrics) const {
    std::shared_ptr<telemetry::UpstreamMetrics> counts = metrics.upstream(from.cluster->name());
    Target out{
        std::move(from.cluster), from.response_header_size, std::move(counts), nullptr, {}, {}, {}};
    if (deadlines_.refuse_hopeless || (hedge_ && hedge_->quantile)) {
      out.heads = control::LatencyWindow::Watch(out.cluster->heads());
    }
    if (from.key) out.key.emplace(*from.key, route_.match.path_params);
    if (from.fair) out.fair.emplace(*from.fair, route_.match.path_params);
    return out;
  }

  const Target& pick(Request& request, const Exchange& exchange, NewCookie& cookie) {
    if (!is_split_) return targets_.front();
    const unsigned worker = exchange.context.connection.worker;
    WorkerSplit& own = splits_[worker];
    if (const std::uint64_t generation = overrides_.generation(); own.seen != generation) {
      own.seen = generation;
      const control::SplitWeights weights = overrides_.effective(route_.name, configured_);
      own.turns = control::WeightedSplit(weights);
      own.places = control::StickySplit(weights);
    }
    const Target& target = targets_[choose(request, exchange, own, cookie)];
    target.split->shard(worker).requests.add();
    return target;
  }

  std::size_t choose(Request& request, const Exchange& exchange, WorkerSplit& own,
                     NewCookie& cookie) const {
    if (const auto named = choice_.by_header(request.head.headers)) return *named;
    if (!choice_.sticky()) return own.turns.pick();
    if (const auto place = choice_.place(request, exchange)) return own.places.pick(*place);
    cookie.value = keep(new_value(exchange, own), request);
    cookie.line = keep(choice_.set_cookie(cookie.value, is_secure(request, exchange)), request);
    return own.places.pick(SplitChoice::place_of(cookie.value));
  }

  static std::string_view keep(std::string_view text, Request& request) {
    return request.head.headers.arena().copy(text);
  }

  std::string new_value(const Exchange& exchange, WorkerSplit& own) const {
    const std::uint64_t seed[]{exchange.context.connection.worker, own.cookies++};
    return fmt::format("{:016x}",
                       sip_hash(cookie_key_, {reinterpret_cast<const char*>(seed), sizeof(seed)}));
  }

  static bool is_secure(const Request& request, const Exchange& exchange) noexcept {
    return exchange.context.connection.tls || request.head.scheme == Scheme::https;
  }

  // One cookie may stand for both places.
  std::uint64_t key_of(const BalancerKey& key, Request& request, const Exchange& exchange,
                       const NewCookie& split, NewCookie& out) {
    if (const auto known = key.of(request, exchange)) return *known;
    if (!split.value.empty() && choice_.cookie() == key.cookie()) {
      return BalancerKey::of_cookie(split.value);
    }
    out.value = keep(new_value(exchange, splits_[exchange.context.connection.worker]), request);
    out.line = keep(place_cookie(key.cookie(), out.value, is_secure(request, exchange)), request);
    return BalancerKey::of_cookie(out.value);
  }

  Task<Response> serve_or_fall_back(Request& request, Exchange& exchange, const Target& target,
                                    Sending first) {
    FallbackTurn turn(*fallback_, request, exchange);
    first.may_panic = turn.may_panic(request.head.upgrade_websocket && websocket_);
    first.may_be_followed = true;
    first.content = turn.content();
    Sending second{.path = first.path, .may_retry = false};
    // Of the request as the client sent it.
    if (instead_.key) second.key = instead_.key->of(request, exchange);
    if (instead_.fair) second.fair = instead_.fair->of(request, exchange);
    Response response = co_await serve(request, exchange, target, first);
    if (!turn.begins(response)) co_return response;
    if (Handler* const fixed = fallback_->fixed_answer()) {
      response = co_await fixed->handle(request, exchange);
    } else {
      // It has the route's `timeout` to itself; the client's wait until now was the first one's.
      const TimePoint now = net::loop_of(exchange).now();
      second.start = now - exchange.clock.client_wait(now);
      second.deadline = first.deadline;
      response = co_await send(request, exchange, instead_, second);
    }
    turn.end(response);
    co_return response;
  }

  Task<Response> serve(Request& request, Exchange& exchange, const Target& target, Sending& how) {
    // A deadline of the client's that is over asks nobody.
    if (net::loop_of(exchange).now() >= exchange.clock.hard_deadline) {
      return refusal(Reason::request_timeout, out_of_time, exchange);
    }
    if (const std::string_view fault = prepare(request, exchange, how); !fault.empty()) {
      return refusal(Reason::internal, fault, exchange);
    }
    return send(request, exchange, target, how);
  }

  // REQUIRES: the request is prepared.
  Task<Response> send(Request& request, Exchange& exchange, const Target& target,
                      const Sending& how) {
    if (deadlines_.refuse_hopeless && is_hopeless(exchange, target, how)) [[unlikely]]
      return refusal(Reason::request_timeout, hopeless, exchange);
    control::CircuitBreaker& breaker = target.cluster->breaker();
    const TimePoint now = net::loop_of(exchange).now();
    auto call = breaker.begin(now);
    if (breaker.shed().on()) [[unlikely]] {
      const bool may_refuse = call && call->may_be_shed();
      const auto cause = breaker.shed().call(exchange.context.route->priority, now, may_refuse);
      if (cause) return refusal(Reason::shed, too_much(*cause), exchange);
    }
    if (!call) return refusal(Reason::circuit_open, "", exchange, call.error());
    return forward(request, exchange, fetch_for(request, exchange, target, std::move(*call), how),
                   how.may_be_followed);
  }

  // The request has less time left than half of the upstream's heads took.
  bool is_hopeless(const Exchange& exchange, const Target& target, const Sending& how) const {
    const TimePoint now = net::loop_of(exchange).now();
    const Deadline end = HeadTime{how.start, route_.timeout}.until(now, exchange.clock);
    if (end == no_deadline) return false;
    const auto half = target.cluster->heads().quantile(control::Quantile::p50, now);
    return half && !has_time(end - now, Duration::zero(), half);
  }

  static Task<Response> with_cookies(Task<Response> answering, std::string_view split,
                                     std::string_view endpoint) {
    Response response = co_await std::move(answering);
    if (!split.empty()) response.head.headers.add("set-cookie", split);
    if (!endpoint.empty()) response.head.headers.add("set-cookie", endpoint);
    co_return response;
  }

  // The request as the upstream shall see it; says what is wrong with a rewritten path.
  std::string_view prepare(Request& request, Exchange& exchange, Sending& how) const {
    RequestHead& head = request.head;
    head.upgrade_websocket = head.upgrade_websocket && websocket_;
    how.deadline = DeadlineField::of(head, deadlines_);
    if (how.deadline.tells()) [[unlikely]]
      how.deadline.write(head, net::loop_of(exchange).now(), {how.start, route_.timeout},
                         exchange.clock);
    write_fields(request, exchange, via_name_, request_headers_);
    how.deadline.yield_to(head.headers);
    return rewriting_ ? rewriting_->apply(request, exchange) : std::string_view();
  }

  ClientFetch& fetch_for(Request& request, Exchange& exchange, const Target& target,
                         control::BreakerCall&& call, const Sending& how) const {
    const Deadline ours = deadline_after(exchange.context.started, route_.max_duration);
    const Deadline all = exchange.clock.hard_deadline;
    const FetchPlan plan{.cluster = *target.cluster,
                         .metrics = *target.metrics,
                         .loop = net::loop_of(exchange),
                         .worker = exchange.context.connection.worker,
                         .clock = exchange.clock,
                         .caller = {.client = exchange.context.client_ip,
                                    .scope = &exchange.scope,
                                    .key = how.key,
                                    .may_panic = how.may_panic,
                                    .fair = how.fair},
                         .time = {how.start, route_.timeout, all < ours ? all : no_deadline},
                         .header_size = target.response_header_size,
                         .most_repeats = most_repeats,
                         .retry = retry_ && how.may_retry ? &*retry_ : nullptr,
                         .hedge = hedge_ && how.may_retry ? &*hedge_ : nullptr,
                         .failover = route_.failover,
                         .refuse_hopeless = deadlines_.refuse_hopeless,
                         .deadline_bounds_answer = true,
                         .interim = exchange.interim,
                         .gateway_fields = gateway_fields_,
                         .request_id = exchange.context.request_id(),
                         .content = how.content};
    return exchange.own(std::make_unique<ClientFetch>(exchange, plan, request, request_headers_,
                                                      how.path, how.deadline, std::move(call),
                                                      !how.may_be_followed));
  }

  // The answer of `part`; `may_be_followed` as in Sending.
  Task<Response> forward(Request& request, Exchange& exchange, ClientFetch& part,
                         bool may_be_followed) {
    Fetch& fetch = *part;
    Response response;
    Result<> came = co_await fetch.first_try(response.head);
    if (!came || fetch.doubts())
      came = co_await fetch.further_tries(std::move(came), response.head);
    if (!came) co_return problem(came.error(), exchange.context.request_id());
    if (!fetch.upload_ended()) exchange.decisions.close_after = true;
    complete(request, exchange, fetch, response);
    // An answer that cannot be used: nothing of it may run beside the fallback.
    if (may_be_followed && response.reason != Reason::none) co_await exchange.end(part);
    co_return response;
  }

  // Makes the answer of the head that came: its content is the fetch's.
  void complete(Request& request, Exchange& exchange, Fetch& fetch, Response& response) const {
    ResponseHead& head = response.head;
    const bool switched = head.status == 101;
    if (switched && !(request.head.upgrade_websocket && accepts_websocket(request.head, head))) {
      fetch.abort(Reason::upstream_bad_response);
      response = problem(Reason::upstream_bad_response,
                         "the upstream switched protocols without being asked",
                         exchange.context.request_id());
      return;
    }
    if (switched && !fetch.into_tunnel()) {
      fetch.abort(Reason::pool_full);
      response = problem(Reason::pool_full, "the upstream has no room for another tunnel",
                         exchange.context.request_id());
      return;
    }
    strip_hop_by_hop(head.headers);
    if (switched) {
      head.headers.add_view(FieldId::upgrade, "Upgrade", "websocket");
      response.body = &fetch.tunnel();
    } else if (head.framing != Framing::none) {
      response.body = &fetch.content();
    }
  }

  const config::Route& route_;
  const control::SplitOverrides& overrides_;
  const std::span<const std::string> gateway_fields_;
  const config::Deadlines& deadlines_;
  const std::string_view via_name_;
  const HeaderRewrite request_headers_;
  const bool websocket_;
  const bool is_split_;
  const SplitChoice choice_;
  bool sets_cookies_ = false;  // for places among endpoints
  SipKey cookie_key_;          // of the values of cookies
  std::vector<Target> targets_;
  control::SplitWeights configured_;
  std::vector<WorkerSplit> splits_;
  std::optional<Rewriting> rewriting_;
  std::optional<RetryRule> retry_;
  std::optional<HedgeRule> hedge_;
  std::unique_ptr<Fallback> fallback_;  // null: none
  Target instead_{};                    // the fallback's; without a cluster where it is no upstream
};

}  // namespace

control::SplitWeights configured_weights(const config::Split& split) {
  control::SplitWeights out;
  for (const config::SplitShare& share : split) out.push_back(share.weight);
  return out;
}

std::unique_ptr<Handler> make_forwarder(const config::Route& route, const config::Server& server,
                                        std::vector<ForwardTarget> targets,
                                        std::optional<ForwardTarget> fallback, unsigned workers,
                                        telemetry::Metrics& metrics,
                                        const control::SplitOverrides& overrides,
                                        std::span<const std::string> gateway_fields) {
  return std::make_unique<Forwarder>(route, server, std::move(targets), std::move(fallback),
                                     workers, metrics, overrides, gateway_fields);
}

}  // namespace weir::proxy
