// Fetches with hedges to two origins that a thread of the test answers for.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/fetch/fetch_case.hpp"

namespace weir::proxy {

using namespace std::chrono_literals;

class HedgesTold final : public TryObserver {
 public:
  void try_begins(std::string_view endpoint, Duration, Duration) override {
    begun.emplace_back(endpoint);
  }
  void try_ended(const TryRecord& record, bool) override {
    ended.emplace_back(record.result);
    endpoints.emplace_back(record.endpoint);
  }
  bool wants_record(bool) const noexcept override { return true; }
  void grpc_ended(GrpcStatus) override { FAIL() << "no gRPC"; }
  void waited(Duration) override {}
  void answers(std::string_view endpoint) override { answer = endpoint; }

  std::vector<std::string> begun;
  std::vector<std::string> ended;  // results
  std::vector<std::string> endpoints;
  std::string answer;
};

class HedgingCase : public FetchCase {
 protected:
  using Names = std::vector<std::string>;

  static config::Hedge hedge_after(Duration time, std::uint32_t most = 1) {
    return {.after = config::HedgeAfter::time, .time = time, .most = most};
  }
  static std::string answer_of(std::string_view status, std::string_view body) {
    return "HTTP/1.1 " + std::string(status) +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
  }
  Task<std::string> outcome(Method method = Method::get) {
    std::string content;
    const Take keep = [&](std::string_view piece) { content.append(" ").append(piece); };
    co_return co_await fetch(method, told_, keep, &hedge_) + content;
  }
  // Nothing is left of any try.
  void expect_nothing_left() const {
    for (const auto& endpoint : cluster_->describe().endpoints) EXPECT_EQ(endpoint.in_flight, 0u);
    EXPECT_EQ(cluster_->retry_budget().taken(), 0u);
  }
  // Hedges that won, lost and found no budget.
  std::array<std::uint64_t, 3> hedges() {
    const telemetry::UpstreamShard& counted = metrics_.upstream("orders")->shard(0);
    return {counted.hedges[0].value(), counted.hedges[1].value(), counted.hedges[2].value()};
  }
  // Waits a moment at a time, five seconds at most.
  static bool wait_for(const std::function<bool()>& what) {
    for (int i = 0; i < 5000; ++i) {
      if (what()) return true;
      ::poll(nullptr, 0, 1);
    }
    return false;
  }
  // The next connection to one of the two, whichever the balancer chose.
  net::Socket next() const {
    EXPECT_TRUE(wait_for([&] { return one_.has_guest() || other_.has_guest(); }));
    return one_.has_guest() ? one_.accept() : other_.accept();
  }
  bool has_guest() const { return one_.has_guest() || other_.has_guest(); }
  // The first one of `known` that carries a request, with new connections at its end; null where
  // none comes. `known` has room for all.
  net::Socket* speaker(std::vector<net::Socket>& known) const {
    const auto speaks = [](const net::Socket& on) {
      char byte = 0;
      return on && ::recv(on.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
    };
    net::Socket* out = nullptr;
    EXPECT_TRUE(wait_for([&] {
      if (has_guest()) known.push_back(next());
      const auto found = std::ranges::find_if(known, speaks);
      out = found != known.end() ? &*found : nullptr;
      return out != nullptr;
    })) << "no request came";
    return out;
  }

  const net::Origin one_;
  const net::Origin other_;
  HedgeRule hedge_{hedge_after(20ms)};
  HedgesTold told_;
};

}  // namespace weir::proxy
