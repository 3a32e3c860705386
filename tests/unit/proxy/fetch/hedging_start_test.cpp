// Whether another try joins, and when.
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <string>
#include <thread>

#include "proxy/fetch/hedging_case.hpp"

namespace weir::proxy {
namespace {

using HedgingStart = HedgingCase;

TEST_F(HedgingStart, OnlyWhatMayBeCarriedOutTwice) {
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

TEST_F(HedgingStart, AHeadInTimeNeedsNone) {
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

TEST_F(HedgingStart, WithoutAnotherEndpointThereIsNone) {
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

TEST_F(HedgingStart, TheRetryBudgetBoundsThem) {
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

TEST_F(HedgingStart, AConnectThatHangsIsHedgedToo) {
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
