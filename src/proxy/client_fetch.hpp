// The fetch that answers a client's request: what its tries come to is told to the exchange, which
// owns it. Worker thread only.
#pragma once

#include <string_view>
#include <utility>

#include "proxy/fetch/fetch.hpp"
#include "weir/http/exchange.hpp"

namespace weir::proxy {

class ClientFetch final : public ExchangePart, private TryObserver {
 public:
  // `is_last`: no other fetch of the exchange may follow this one.
  ClientFetch(Exchange& exchange, const FetchPlan& plan, Request& request,
              control::BreakerCall&& call, bool is_last) noexcept
      : exchange_(exchange), is_last_(is_last), fetch_(plan, request, std::move(call), this) {}

  Fetch& operator*() noexcept { return fetch_; }
  Fetch* operator->() noexcept { return &fetch_; }

  // --- ExchangePart
  Task<> settle() override { return fetch_.settle(); }
  bool settled() const noexcept override { return fetch_.settled(); }

 private:
  void try_begins(std::string_view endpoint, Duration queued, Duration connected) override {
    exchange_.record.tell_attempt(endpoint, queued, connected);
  }
  // The log lists tries where there is more than one.
  bool wants_record(bool again) const noexcept override {
    return again || !is_last_ || !exchange_.record.tries().empty();
  }
  void try_ended(const TryRecord& record, bool) override { exchange_.record.tell_try(record); }
  void grpc_ended(GrpcStatus status) override { exchange_.record.tell_grpc_status(status); }
  void waited(Duration queued) override { exchange_.record.tell_wait(queued); }

  Exchange& exchange_;
  const bool is_last_;
  Fetch fetch_;
};

}  // namespace weir::proxy
