// The fetch that answers a client's request: what its tries come to is told to the exchange, which
// owns it. Worker thread only.
#pragma once

#include <string_view>
#include <utility>

#include "proxy/deadline_field.hpp"
#include "proxy/fetch/fetch.hpp"
#include "weir/http/exchange.hpp"
#include "weir/middleware/header_rewrite.hpp"
#include "weir/net/loop_of.hpp"

namespace weir::proxy {

class ClientFetch final : public ExchangePart, private TryObserver {
 public:
  // `fields` have been written into the request, whose path was `path` then; values that differ
  // from try to try are written again for each, and so is `deadline`. `is_last`: no other fetch of
  // the exchange may follow this one.
  ClientFetch(Exchange& exchange, const FetchPlan& plan, Request& request,
              const HeaderRewrite& fields, std::string_view path, const DeadlineField& deadline,
              control::BreakerCall&& call, bool is_last)
      : exchange_(exchange),
        request_(request),
        fields_(fields),
        path_(path),
        deadline_(deadline),
        time_(plan.time),
        is_last_(is_last),
        fetch_(plan, request, std::move(call), this) {}

  Fetch& operator*() noexcept { return fetch_; }
  Fetch* operator->() noexcept { return &fetch_; }

  // --- ExchangePart
  Task<> settle() override { return fetch_.settle(); }
  bool settled() const noexcept override { return fetch_.settled(); }

 private:
  void try_begins(std::string_view endpoint, Duration queued, Duration connected) override {
    begin(endpoint, queued, connected, 0);
  }
  void hedge_begins(std::string_view endpoint, Duration queued, Duration connected,
                    unsigned number) override {
    begin(endpoint, queued, connected, number);
  }
  void begin(std::string_view endpoint, Duration queued, Duration connected, unsigned hedge) {
    exchange_.record.tell_attempt(endpoint, queued, connected);
    if (exchange_.trace) [[unlikely]] {
      exchange_.trace->try_begins({.now = now(),
                                   .upstream = exchange_.record.upstream(),
                                   .endpoint = endpoint,
                                   .method = request_.head.method_text,
                                   .path = request_.head.path,
                                   .queued = queued,
                                   .connected = connected,
                                   .hedge = hedge});
    }
    if (exchange_.record.attempts() > 1 && fields_.uses_attempt()) write_fields();
    if (deadline_.tells()) [[unlikely]]
      deadline_.write(request_.head, now(), time_, exchange_.clock);
  }
  TimePoint now() const noexcept { return net::loop_of(exchange_).now(); }
  void write_fields() {
    RequestHead& head = request_.head;
    const std::string_view rewritten = std::exchange(head.path, path_);
    fields_.apply_again(head.headers, request_, exchange_);
    head.path = rewritten;
  }
  // The log lists tries where there is more than one.
  bool is_listed(bool again) const noexcept {
    return again || !is_last_ || !exchange_.record.tries().empty();
  }
  bool wants_record(bool again) const noexcept override {
    return is_listed(again) || exchange_.trace;
  }
  void try_ended(const TryRecord& record, bool again) override {
    if (exchange_.trace) [[unlikely]]
      exchange_.trace->try_ended(record, now());
    if (is_listed(again)) exchange_.record.tell_try(record);
  }
  void grpc_ended(GrpcStatus status) override { exchange_.record.tell_grpc_status(status); }
  void waited(Duration queued) override {
    exchange_.record.tell_wait(queued);
    if (exchange_.trace) [[unlikely]]
      exchange_.trace->waited(queued, now());
  }
  void answers(std::string_view endpoint) override { exchange_.record.tell_answers(endpoint); }

  Exchange& exchange_;
  Request& request_;
  const HeaderRewrite& fields_;  // of the route, which the exchange's configuration holds
  const std::string_view path_;
  DeadlineField deadline_;
  const HeadTime time_;
  const bool is_last_;
  Fetch fetch_;
};

}  // namespace weir::proxy
