#include "net/tls/ticket_keys.hpp"

#include <gtest/gtest.h>

namespace weir::net::tls {
namespace {

using namespace std::chrono_literals;

TEST(TicketKeys, ThePreviousKeyStillOpens) {
  const TimePoint start{};
  TicketKeys keys(start, 1h);
  const TicketKey first = keys.current();
  keys.advance(start + 59min);
  EXPECT_EQ(keys.current().name, first.name);
  keys.advance(start + 60min);
  const TicketKey second = keys.current();
  EXPECT_NE(second.name, first.name);
  EXPECT_NE(second.cipher, first.cipher);
  ASSERT_TRUE(keys.find(first.name.data()));
  EXPECT_FALSE(keys.find(first.name.data())->current);
  EXPECT_EQ(keys.find(first.name.data())->key.cipher, first.cipher);
  EXPECT_TRUE(keys.find(second.name.data())->current);
  keys.advance(start + 120min);
  EXPECT_FALSE(keys.find(first.name.data()));
  EXPECT_TRUE(keys.find(second.name.data()));
}

TEST(TicketKeys, AfterALongSleepNoneIsLeft) {
  const TimePoint start{};
  TicketKeys keys(start, 1h);
  const TicketKey first = keys.current();
  keys.advance(start + 2h);
  EXPECT_FALSE(keys.find(first.name.data()));
}

}  // namespace
}  // namespace weir::net::tls
