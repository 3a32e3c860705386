#include "proxy/forward_refusals.hpp"

#include "weir/http/answer.hpp"
#include "weir/net/loop_of.hpp"
#include "weir/telemetry/occasional.hpp"

namespace weir::proxy {

std::string_view too_much(control::ShedCause cause) noexcept {
  return cause == control::ShedCause::p95
             ? "the service answers too slowly: a share of the requests is refused"
             : "too many requests for this service: a share of them is refused";
}

void tell_of_handshake(Exchange& exchange) {
  exchange.record.tell_detail(no_upgrades);
  telemetry::log::occasionally(net::loop_of(exchange).now(), telemetry::log::Level::info,
                               "WebSocket handshake on a route without upgrades",
                               {{"route", exchange.context.route_name}},
                               {{"client_ip", exchange.context.client_ip.to_string()}});
}

Task<Response> refusal(Reason reason, std::string_view detail, const Exchange& exchange,
                       Duration retry_after) {
  co_return problem(reason, detail, exchange.context.request_id(), retry_after);
}

}  // namespace weir::proxy
