#include "proxy/fallback.hpp"

#include <utility>

#include "weir/net/loop_of.hpp"
#include "weir/proxy/fixed_answers.hpp"
#include "weir/telemetry/occasional.hpp"

namespace weir::proxy {

Fallback::Fallback(const config::Route& route, std::shared_ptr<telemetry::FallbackMetrics> metrics)
    : route_(route), metrics_(std::move(metrics)) {
  for (const Reason reason : route.fallback->conditions) {
    conditions_.set(static_cast<std::size_t>(reason));
  }
  if (route.fallback->respond) {
    fixed_ = make_respond(*route.fallback->respond, route.match.path_params);
  }
}

FallbackTurn::FallbackTurn(Fallback& of, Request& request, Exchange& exchange)
    : of_(of),
      request_(request),
      exchange_(exchange),
      path_(request.head.path),
      has_authority_(!request.head.authority.empty()) {
  if (request.body == nullptr || of.fixed_answer() != nullptr) return;
  content_ = &exchange.own(std::make_unique<ReplayableBody>(*request.body));
  request.body = content_;
}

bool FallbackTurn::may_panic(bool is_handshake) const noexcept {
  const bool is_answered = of_.fixed_answer() == nullptr || !is_handshake;
  return !of_.answers_for(Reason::no_healthy_endpoint) || !is_answered;
}

bool FallbackTurn::is_possible() const noexcept {
  if (exchange_.scope.cancelled()) return false;
  // Who opens a WebSocket has nobody to talk to behind a fixed answer, and would take one of 200
  // over HTTP/2 for an open one.
  if (of_.fixed_answer() != nullptr) return !request_.head.upgrade_websocket;
  if (content_ != nullptr && !content_->can_rewind()) return false;
  return net::loop_of(exchange_).now() < exchange_.clock.hard_deadline;
}

bool FallbackTurn::begins(const Response& failed) {
  if (failed.reason == Reason::none || !of_.answers_for(failed.reason) || !is_possible()) {
    if (content_ != nullptr) content_->let_go();
    return false;
  }
  RequestHead& head = request_.head;
  const config::Route& route = of_.route();
  if (of_.fixed_answer() != nullptr) {
    std::swap(head.path, path_);
  } else {
    if (!has_authority_ && !(route.rewrite && !route.rewrite->host.empty())) head.authority = {};
    if (content_ != nullptr) content_->rewind();
    exchange_.record.tell_upstream(route.fallback->upstream);
  }
  proxy_status_ = failed.head.headers.get(FieldId::proxy_status).value_or("");
  exchange_.record.tell_fallback(failed.reason);
  of_.count(exchange_.context.connection.worker, failed.reason);
  namespace log = telemetry::log;
  log::occasionally(net::loop_of(exchange_).now(), log::Level::info, "fallback answers",
                    {{"route", exchange_.context.route_name}, {"reason", name(failed.reason)}},
                    {{"detail", failed.detail}});
  return true;
}

void FallbackTurn::end(Response& answer) {
  if (of_.fixed_answer() != nullptr) std::swap(request_.head.path, path_);
  if (answer.reason != Reason::none || proxy_status_.empty()) return;
  answer.head.headers.add(FieldId::proxy_status, "Proxy-Status", proxy_status_);
}

}  // namespace weir::proxy
