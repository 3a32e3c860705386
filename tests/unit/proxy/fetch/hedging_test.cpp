#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "proxy/fetch/fetch_case.hpp"

namespace weir::proxy {
namespace {

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

using Names = std::vector<std::string>;

config::Hedge hedge_after(Duration time, std::uint32_t most = 1) {
  return {.after = config::HedgeAfter::time, .time = time, .most = most};
}

class HedgingTest : public FetchCase {
 protected:
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

  const net::Origin one_;
  const net::Origin other_;
  HedgeRule hedge_{hedge_after(20ms)};
  HedgesTold told_;
};

std::string answer_of(std::string_view status, std::string_view body) {
  return "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

TEST_F(HedgingTest, AHedgeWins) {
  reach({one_.text(), other_.text()});
  std::thread server([&] {
    const net::Socket first = next();
    first.receive();
    const net::Socket second = next();
    second.receive();
    second.send(answer_of("200 OK", "second"));
    EXPECT_EQ(first.receive(), "") << "given up";
    second.receive();
  });
  net::run_on(loop_, [&]() -> Task<> {
    EXPECT_EQ(co_await outcome(), "200 second");
    EXPECT_EQ(told_.ended, (Names{"hedge_lost", "ok"}));
    EXPECT_EQ(told_.endpoints, told_.begun) << "in the order in which they began";
    EXPECT_NE(told_.begun[0], told_.begun[1]);
    EXPECT_EQ(told_.answer, told_.begun[1]);
    EXPECT_EQ(hedges(), (std::array<std::uint64_t, 3>{1, 0, 0}));
    expect_nothing_left();
    cluster_->leave(0);
  });
  server.join();
}

TEST_F(HedgingTest, TheFirstMayWinAllTheSame) {
  reach({one_.text(), other_.text()});
  std::thread server([&] {
    const net::Socket first = next();
    first.receive();
    const net::Socket second = next();
    second.receive();
    first.send(answer_of("200 OK", "first"));
    EXPECT_EQ(second.receive(), "") << "given up";
    first.receive();
  });
  net::run_on(loop_, [&]() -> Task<> {
    EXPECT_EQ(co_await outcome(), "200 first");
    EXPECT_EQ(told_.ended, (Names{"hedge_lost", "ok"}));
    EXPECT_EQ(told_.endpoints, (Names{told_.begun[1], told_.begun[0]}));
    EXPECT_EQ(told_.answer, told_.begun[0]);
    EXPECT_EQ(hedges(), (std::array<std::uint64_t, 3>{0, 1, 0}));
    expect_nothing_left();
    cluster_->leave(0);
  });
  server.join();
}

TEST_F(HedgingTest, OnlyWhatMayBeCarriedOutTwice) {
  reach({one_.text(), other_.text()});
  std::thread server([&] {
    const net::Socket first = next();
    first.receive();
    ::poll(nullptr, 0, 100);
    EXPECT_FALSE(has_guest());
    first.send(answer_of("200 OK", "first"));
    first.receive();
  });
  net::run_on(loop_, [&]() -> Task<> {
    EXPECT_EQ(co_await outcome(Method::post), "200 first");
    EXPECT_EQ(told_.ended, Names{"ok"});
    EXPECT_EQ(told_.answer, "");
    cluster_->leave(0);
  });
  server.join();
}

TEST_F(HedgingTest, AHeadInTimeNeedsNone) {
  hedge_ = HedgeRule(hedge_after(4s));
  reach({one_.text(), other_.text()});
  std::thread server([&] {
    const net::Socket first = next();
    first.receive();
    first.send(answer_of("200 OK", "first"));
    first.receive();
    EXPECT_FALSE(has_guest());
  });
  net::run_on(loop_, [&]() -> Task<> {
    EXPECT_EQ(co_await outcome(), "200 first");
    EXPECT_EQ(told_.ended, Names{"ok"});
    EXPECT_EQ(hedges(), (std::array<std::uint64_t, 3>{0, 0, 0}));
    expect_nothing_left();
    cluster_->leave(0);
  });
  server.join();
}

TEST_F(HedgingTest, WithoutAnotherEndpointThereIsNone) {
  reach({one_.text()});
  std::thread server([&] {
    const net::Socket first = next();
    first.receive();
    ::poll(nullptr, 0, 100);
    EXPECT_FALSE(has_guest());
    first.send(answer_of("200 OK", "first"));
    first.receive();
  });
  net::run_on(loop_, [&]() -> Task<> {
    EXPECT_EQ(co_await outcome(), "200 first");
    EXPECT_EQ(hedges(), (std::array<std::uint64_t, 3>{0, 0, 0}));
    cluster_->leave(0);
  });
  server.join();
}

TEST_F(HedgingTest, TheRetryBudgetBoundsThem) {
  reach({one_.text(), other_.text()});
  cluster_->retry_budget().apply(0, 0);
  std::thread server([&] {
    const net::Socket first = next();
    first.receive();
    EXPECT_TRUE(wait_for([&] { return hedges()[2] == 1; }));
    first.send(answer_of("200 OK", "first"));
    first.receive();
  });
  net::run_on(loop_, [&]() -> Task<> {
    EXPECT_EQ(co_await outcome(), "200 first");
    EXPECT_EQ(hedges(), (std::array<std::uint64_t, 3>{0, 0, 1}));
    EXPECT_FALSE(has_guest());
    cluster_->leave(0);
  });
  server.join();
}

TEST_F(HedgingTest, AnAnswerThatIsNoneDoesNotWin) {
  reach({one_.text(), other_.text()});
  std::thread server([&] {
    const net::Socket first = next();
    first.receive();
    const net::Socket second = next();
    second.receive();
    second.send(answer_of("503 No", "second"));
    // Nobody has given the first one up.
    ::poll(nullptr, 0, 50);
    first.send(answer_of("200 OK", "first"));
    EXPECT_EQ(second.receive(), "");
    first.receive();
  });
  net::run_on(loop_, [&]() -> Task<> {
    EXPECT_EQ(co_await outcome(), "200 first");
    EXPECT_EQ(hedges(), (std::array<std::uint64_t, 3>{0, 1, 0}));
    expect_nothing_left();
    cluster_->leave(0);
  });
  server.join();
}

TEST_F(HedgingTest, OfPoorAnswersTheFirstOneCounts) {
  reach({one_.text(), other_.text()});
  std::thread server([&] {
    const net::Socket first = next();
    first.receive();
    const net::Socket second = next();
    second.receive();
    second.send(answer_of("503 No", "second"));
    ::poll(nullptr, 0, 50);
    first.send(answer_of("502 No", "first"));
    EXPECT_EQ(first.receive(), "");
    second.receive();
  });
  net::run_on(loop_, [&]() -> Task<> {
    EXPECT_EQ(co_await outcome(), "503 second");
    EXPECT_EQ(hedges(), (std::array<std::uint64_t, 3>{1, 0, 0}));
    expect_nothing_left();
    cluster_->leave(0);
  });
  server.join();
}

TEST_F(HedgingTest, AFirstOneThatFailsLeavesItToTheHedge) {
  reach({one_.text(), other_.text()});
  std::thread server([&] {
    net::Socket first = next();
    first.receive();
    const net::Socket second = next();
    second.receive();
    first.reset();
    ::poll(nullptr, 0, 50);
    second.send(answer_of("200 OK", "second"));
    second.receive();
  });
  net::run_on(loop_, [&]() -> Task<> {
    EXPECT_EQ(co_await outcome(), "200 second");
    EXPECT_EQ(told_.ended, (Names{"reset", "ok"}));
    EXPECT_EQ(hedges(), (std::array<std::uint64_t, 3>{1, 0, 0}));
    expect_nothing_left();
    cluster_->leave(0);
  });
  server.join();
}

TEST_F(HedgingTest, WhenAllFailTheFirstOnesFailureIsTold) {
  reach({one_.text(), other_.text()});
  std::thread server([&] {
    net::Socket first = next();
    first.receive();
    net::Socket second = next();
    second.receive();
    second.send("nonsense\r\n\r\n");
    ::poll(nullptr, 0, 50);
    first.reset();
  });
  net::run_on(loop_, [&]() -> Task<> {
    EXPECT_EQ(co_await outcome(), "upstream_reset");
    EXPECT_EQ(told_.ended, (Names{"bad_response", "reset"}));
    EXPECT_EQ(hedges(), (std::array<std::uint64_t, 3>{0, 1, 0}));
    expect_nothing_left();
    cluster_->leave(0);
  });
  server.join();
}

TEST_F(HedgingTest, ToTheRetryRuleThePairIsOneTry) {
  config::Retry retry;
  retry.retries = 1;
  retry.backoff = {.base = 1ms, .max = 2ms};
  rule_.emplace(retry);
  reach({one_.text(), other_.text()});
  std::thread server([&] {
    const net::Socket first = next();
    first.receive();
    const net::Socket second = next();
    second.receive();
    second.send(answer_of("503 No", ""));
    ::poll(nullptr, 0, 50);
    first.send(answer_of("502 No", ""));
    // Whichever connection the retry takes, or a new one.
    std::array<pollfd, 2> at{{{first.fd(), POLLIN, 0}, {second.fd(), POLLIN, 0}}};
    net::Socket fresh;
    for (int i = 0; i < 5000; ++i) {
      const auto speaks = [](const net::Socket& on) {
        char byte = 0;
        return on && ::recv(on.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
      };
      if (!fresh && has_guest()) fresh = next();
      bool done = false;
      for (const net::Socket* one : {&first, &second, static_cast<const net::Socket*>(&fresh)}) {
        if (!speaks(*one)) continue;
        one->receive();
        one->send(answer_of("200 OK", "third"));
        one->receive();
        done = true;
        break;
      }
      if (done) return;
      ::poll(at.data(), 0, 1);
    }
    FAIL() << "no retry came";
  });
  net::run_on(loop_, [&]() -> Task<> {
    EXPECT_EQ(co_await outcome(), "200 third");
    EXPECT_EQ(told_.ended.size(), 3u);
    const telemetry::UpstreamShard& counted = metrics_.upstream("orders")->shard(0);
    EXPECT_EQ(counted.retries[0].value(), 1u);
    EXPECT_EQ(counted.retries[1].value(), 0u);
    expect_nothing_left();
    cluster_->leave(0);
  });
  server.join();
}

TEST_F(HedgingTest, EndsWithItsScope) {
  reach({one_.text(), other_.text()});
  std::thread server([&] {
    const net::Socket first = next();
    first.receive();
    const net::Socket second = next();
    second.receive();
    EXPECT_EQ(first.receive(), "");
    EXPECT_EQ(second.receive(), "");
  });
  net::run_on(loop_, [&]() -> Task<> {
    net::TaskGroup group(loop_);
    std::string waiting;
    const auto fetch = [&]() -> Task<> { waiting = co_await outcome(); };
    group.spawn(fetch());
    EXPECT_TRUE(co_await net::until(loop_, [&] { return told_.begun.size() == 2; }));
    EXPECT_EQ(cluster_->retry_budget().taken(), 1u);
    scope_.cancel(Reason::client_closed);
    EXPECT_TRUE(co_await group.join(loop_.now() + 5s));
    EXPECT_EQ(waiting, "client_closed");
    EXPECT_EQ(told_.ended, (Names{"client_gone", "client_gone"}));
    expect_nothing_left();
    cluster_->leave(0);
  });
  server.join();
}

TEST_F(HedgingTest, AConnectThatHangsIsHedgedToo) {
  const upstream::Unanswering silent;
  if (!silent.hangs()) GTEST_SKIP() << "the kernel accepts more than its queue holds";
  reach({silent.text(), one_.text()});
  std::thread server([&] {
    const net::Socket connection = one_.accept();
    for (int i = 0; i < 2; ++i) {
      connection.receive();
      connection.send(answer_of("200 OK", "alive"));
    }
    connection.receive();
  });
  net::run_on(loop_, [&]() -> Task<> {
    // One of the two goes to the endpoint that is silent first.
    EXPECT_EQ(co_await outcome(), "200 alive");
    EXPECT_EQ(co_await outcome(), "200 alive");
    const auto lost = std::ranges::find(told_.ended, "hedge_lost");
    EXPECT_NE(lost, told_.ended.end());
    if (lost != told_.ended.end()) {
      EXPECT_EQ(told_.endpoints[static_cast<std::size_t>(lost - told_.ended.begin())],
                silent.text());
    }
    // Perhaps both.
    EXPECT_GE(hedges()[0], 1u);
    EXPECT_EQ(hedges()[1], 0u);
    EXPECT_EQ(told_.answer, one_.text());
    expect_nothing_left();
    cluster_->leave(0);
  });
  server.join();
}

}  // namespace
}  // namespace weir::proxy
