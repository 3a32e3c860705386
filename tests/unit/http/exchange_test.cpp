#include "weir/http/exchange.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <string>

#include "support/run_task.hpp"

namespace weir::test {
namespace {

// A part that settles, or finds no memory to do so at first.
class Part final : public ExchangePart {
 public:
  Part(std::string& order, char name, int failures = 0)
      : order_(order), name_(name), failures_(failures) {}
  ~Part() override { order_ += static_cast<char>(name_ - 'a' + 'A'); }
  Task<> settle() override {
    if (failures_-- > 0) throw std::bad_alloc();
    order_ += name_;
    co_return;
  }

 private:
  std::string& order_;
  const char name_;
  int failures_;
};

TEST(Exchange, PartsEndLastInFirstOutAndGuardsWithTheExchange) {
  const ConnectionInfo connection;
  std::string order;
  auto guard = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = guard;
  {
    Exchange exchange(connection, TimePoint{});
    exchange.hold(std::move(guard));
    exchange.own(std::make_unique<Part>(order, 'a'));
    Part& second = exchange.own(std::make_unique<Part>(order, 'b'));
    exchange.own(std::make_unique<Part>(order, 'c'));
    run_task([&](net::Loop&) -> Task<bool> {
      co_await exchange.end(second);
      EXPECT_EQ(order, "bB");
      co_await exchange.settle();
      co_return true;
    });
    EXPECT_FALSE(watched.expired());
  }
  EXPECT_EQ(order, "bBcCaA");
  EXPECT_TRUE(watched.expired());
}

TEST(Exchange, APartThatFoundNoMemoryToSettleStays) {
  const ConnectionInfo connection;
  std::string order;
  Exchange exchange(connection, TimePoint{});
  exchange.own(std::make_unique<Part>(order, 'a'));
  exchange.own(std::make_unique<Part>(order, 'b', 1));
  run_task([&](net::Loop&) -> Task<bool> {
    bool failed = false;
    try {
      co_await exchange.settle();
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    EXPECT_TRUE(failed);
    EXPECT_EQ(order, "");
    co_await exchange.settle();
    co_return true;
  });
  EXPECT_EQ(order, "bBaA");
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
