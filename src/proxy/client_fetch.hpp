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
  ClientFetch(Exchange& exchange, FetchPlan plan, Request& request,
              control::BreakerCall call) noexcept
      : exchange_(exchange), fetch_(observed(plan), request, std::move(call)) {}

  Fetch& operator*() noexcept { return fetch_; }
  Fetch* operator->() noexcept { return &fetch_; }

  // --- ExchangePart
  Task<> settle() override { return fetch_.settle(); }
  bool settled() const noexcept override { return fetch_.settled(); }

 private:
  const FetchPlan& observed(FetchPlan& plan) noexcept {
    plan.observer = this;
    return plan;
  }
  void try_begins(std::string_view endpoint, Duration queued, Duration connected) override {
    ++exchange_.attempts;
    exchange_.endpoint = endpoint;
    exchange_.queue_time += queued;
    exchange_.connect_time += connected;
  }
  void try_ended(const TryRecord& record, bool again, GrpcStatus grpc) override {
    exchange_.grpc_status = grpc;
    if (again || !exchange_.tries().empty()) exchange_.tell_try(record);
  }
  void waited(Duration queued) override { exchange_.queue_time += queued; }

  Exchange& exchange_;
  Fetch fetch_;
};

}  // namespace weir::proxy
