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
    exchange_.record.tell_attempt(endpoint, queued, connected);
    if (exchange_.record.attempts() > 1 && fields_.uses_attempt()) write_fields();
    if (deadline_.tells()) [[unlikely]]
      deadline_.write(request_.head, net::loop_of(exchange_).now(), time_, exchange_.clock);
  }
  void write_fields() {
    RequestHead& head = request_.head;
    const std::string_view rewritten = std::exchange(head.path, path_);
    fields_.apply_again(head.headers, request_, exchange_);
    head.path = rewritten;
  }
  // The log lists tries where there is more than one.
  bool wants_record(bool again) const noexcept override {
    return again || !is_last_ || !exchange_.record.tries().empty();
  }
  void try_ended(const TryRecord& record, bool) override { exchange_.record.tell_try(record); }
  void grpc_ended(GrpcStatus status) override { exchange_.record.tell_grpc_status(status); }
  void waited(Duration queued) override { exchange_.record.tell_wait(queued); }
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
