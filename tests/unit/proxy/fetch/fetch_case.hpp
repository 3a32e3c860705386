// A cluster and what a fetch needs beside it: what a request to it comes to.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/fetch/fetch.hpp"
#include "upstream/cluster_case.hpp"
#include "weir/telemetry/metrics.hpp"

namespace weir::proxy {

class FetchCase : public testing::Test {
 protected:
  using Take = std::function<void(std::string_view)>;

  ~FetchCase() override { cluster_->leave(0); }

  void reach(std::vector<std::string> addresses) {
    cluster_ = upstream::cluster_on(upstream::upstream_of(std::move(addresses)), {&loop_});
  }
  // The status of the answer, or why there is none. The answer is read to its end; `take` gets each
  // piece as it comes.
  Task<std::string> fetch(Method method, TryObserver& told, const Take& take,
                          const HedgeRule* hedge = nullptr) {
    using namespace std::chrono_literals;
    Request request;
    request.head.method = method;
    request.head.method_text = method == Method::get ? "GET" : "POST";
    request.head.path = "/";
    clock_.last_activity = loop_.now();
    const FetchPlan plan{.cluster = *cluster_,
                         .metrics = *metrics_.upstream("orders"),
                         .loop = loop_,
                         .worker = 0,
                         .clock = clock_,
                         .caller = {.scope = &scope_},
                         .time = {loop_.now(), 5s},
                         .header_size = 1000,
                         .most_repeats = 3,
                         .retry = rule_ ? &*rule_ : nullptr,
                         .hedge = hedge};
    auto call = cluster_->breaker().begin(loop_.now());
    Fetch fetch(plan, request, std::move(*call), &told);
    ResponseHead head;
    Result<> came = co_await fetch.first_try(head);
    if (!came || fetch.doubts()) came = co_await fetch.further_tries(std::move(came), head);
    std::string out = came ? std::to_string(head.status) : std::string(name(came.error().reason));
    while (came && head.framing != Framing::none) {
      const Result<Bytes> piece = co_await fetch.content().read();
      if (!piece || piece->empty()) break;
      take(as_text(*piece));
    }
    co_await fetch.settle();
    co_return out;
  }

  net::Loop loop_;
  telemetry::Metrics metrics_{1, "test", "none"};
  std::shared_ptr<upstream::Cluster> cluster_;
  std::optional<RetryRule> rule_;
  TransferClock clock_;
  CancelScope scope_;
};

}  // namespace weir::proxy
