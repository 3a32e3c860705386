#include "weir/http/exchange.hpp"

#include <gtest/gtest.h>

namespace weir::test {
namespace {

class Waiting final : public Cancellable {
 public:
  void cancel(Reason reason) noexcept override {
    ++times;
    why = reason;
  }
  int times = 0;
  Reason why = Reason::none;
};

TEST(Exchange, HooksRunOnceLastInFirstOutBeforeTheGuardsGo) {
  const ConnectionInfo connection;
  Exchange exchange(connection, TimePoint{});
  auto guard = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = guard;
  exchange.hold(std::move(guard));
  std::string order;
  exchange.on_complete([&](const Outcome& told) {
    order += "first " + std::to_string(told.status);
    EXPECT_FALSE(watched.expired());
  });
  exchange.on_complete([&](const Outcome&) { order += "second, "; });
  Outcome outcome;
  outcome.status = 200;
  exchange.complete(outcome);
  EXPECT_EQ(order, "second, first 200");
  EXPECT_TRUE(watched.expired());
  exchange.complete(outcome);
  EXPECT_EQ(order, "second, first 200");
}

TEST(Exchange, CancelTellsWhoWaitsOnce) {
  const ConnectionInfo connection;
  Exchange exchange(connection, TimePoint{});
  Waiting waiting;
  EXPECT_EQ(exchange.set_cancellable(&waiting), nullptr);
  exchange.cancel(Reason::client_closed);
  exchange.cancel(Reason::draining);
  EXPECT_TRUE(exchange.cancelled());
  EXPECT_EQ(exchange.cancel_reason(), Reason::client_closed);
  EXPECT_EQ(waiting.times, 1);
  EXPECT_EQ(waiting.why, Reason::client_closed);
}

TEST(Exchange, WhoStoppedWaitingIsNotTold) {
  const ConnectionInfo connection;
  Exchange exchange(connection, TimePoint{});
  Waiting waiting;
  exchange.set_cancellable(&waiting);
  EXPECT_EQ(exchange.set_cancellable(nullptr), &waiting);
  exchange.cancel(Reason::client_closed);
  EXPECT_EQ(waiting.times, 0);
}

}  // namespace
}  // namespace weir::test
