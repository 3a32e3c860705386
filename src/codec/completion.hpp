// The end of an exchange, however it comes: with its answer's last byte, or with an exception,
// which a lack of memory throws. Then it is counted and logged, and its configuration is let go.
#pragma once

#include "weir/http/exchange.hpp"
#include "weir/http/handler.hpp"
#include "weir/net/loop.hpp"

namespace weir::codec {

class Completion {
 public:
  // All outlive it.
  Completion(ServerHandler& handler, const net::Loop& loop, const Request& request,
             Exchange& exchange) noexcept
      : handler_(handler), loop_(loop), request_(request), exchange_(exchange) {}
  ~Completion() {
    exchange_.settle_now();
    if (outcome.status == 0) {
      outcome.reason = Reason::internal;
      outcome.status = status_of(outcome.reason);
    }
    outcome.started = exchange_.context.started;
    outcome.ended = loop_.now();
    if (outcome.head_sent == TimePoint{}) outcome.head_sent = outcome.ended;
    outcome.bytes_in = exchange_.record.bytes_in();
    outcome.bytes_out = exchange_.record.bytes_out();
    handler_.completed(request_, exchange_, outcome);
  }
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;

  Outcome outcome;  // but for times and bytes, for whoever sends the answer to fill

 private:
  ServerHandler& handler_;
  const net::Loop& loop_;
  const Request& request_;
  Exchange& exchange_;
};

}  // namespace weir::codec
