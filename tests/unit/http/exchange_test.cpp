#include "weir/http/exchange.hpp"

#include <gtest/gtest.h>

namespace weir::test {
namespace {

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

TEST(Exchange, OneOfAnothersIsCancelledWithItAndNotTheOtherWayRound) {
  const ConnectionInfo connection;
  Exchange client(connection, TimePoint{});
  Exchange first(connection, TimePoint{}, &client.scope);
  Exchange second(connection, TimePoint{}, &client.scope);
  first.scope.cancel(Reason::request_timeout);
  EXPECT_FALSE(client.scope.cancelled());
  client.scope.cancel(Reason::client_closed);
  EXPECT_EQ(second.scope.reason(), Reason::client_closed);
  EXPECT_EQ(first.scope.reason(), Reason::request_timeout);
}

}  // namespace
}  // namespace weir::test
