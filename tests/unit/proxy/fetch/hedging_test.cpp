// How a race ends: whose head is the answer, and what is told of the others.
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <string>
#include <thread>
#include <vector>

#include "proxy/fetch/hedging_case.hpp"

namespace weir::proxy {
namespace {

using HedgingTest = HedgingCase;

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
    std::vector<net::Socket> known;
    known.reserve(3);
    known.push_back(next());
    known[0].receive();
    known.push_back(next());
    known[1].receive();
    known[1].send(answer_of("503 No", ""));
    ::poll(nullptr, 0, 50);
    known[0].send(answer_of("502 No", ""));
    // Whichever connection the retry takes, or a new one.
    net::Socket* const third = speaker(known);
    if (third == nullptr) return;
    third->receive();
    third->send(answer_of("200 OK", "third"));
    third->receive();
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

// Kept connections that had ended meanwhile are no failures of their endpoints.
TEST_F(HedgingTest, StaleConnectionsEjectNobody) {
  config::Upstream upstream = upstream::upstream_of({one_.text(), other_.text()});
  upstream.outlier_detection.emplace().consecutive_errors = 1;
  cluster_ = upstream::cluster_on(upstream, {&loop_});
  std::thread server([&] {
    std::vector<net::Socket> known;
    known.reserve(3);
    while (known.size() < 2) {
      const net::Socket* const asked = speaker(known);
      if (asked == nullptr) return;
      asked->receive();
      asked->send(answer_of("200 OK", "kept"));
    }
    net::Socket* const first = speaker(known);
    if (first == nullptr) return;
    first->receive();
    net::Socket* const second = speaker(known);
    if (second == nullptr) return;
    second->receive();
    EXPECT_EQ(known.size(), 2u) << "both are kept connections";
    second->reset();
    first->reset();
    net::Socket* const fresh = speaker(known);
    if (fresh == nullptr) return;
    fresh->receive();
    fresh->send(answer_of("200 OK", "fresh"));
    fresh->receive();
  });
  net::run_on(loop_, [&]() -> Task<> {
    hedge_ = HedgeRule(hedge_after(4s));
    const auto was_at = [&](const net::Origin& origin) {
      return std::ranges::find(told_.begun, origin.text()) != told_.begun.end();
    };
    for (int i = 0; i < 50 && !(was_at(one_) && was_at(other_)); ++i) {
      EXPECT_EQ(co_await outcome(), "200 kept");
    }
    told_ = {};
    hedge_ = HedgeRule(hedge_after(20ms));
    EXPECT_EQ(co_await outcome(), "200 fresh");
    EXPECT_EQ(told_.ended, (Names{"reset", "reset", "ok"}));
    EXPECT_EQ(hedges(), (std::array<std::uint64_t, 3>{0, 1, 0}));
    EXPECT_EQ(cluster_->describe().ejections[0], 0u);
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

}  // namespace
}  // namespace weir::proxy
