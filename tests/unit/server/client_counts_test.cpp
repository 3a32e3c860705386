#include "server/client_counts.hpp"

#include <gtest/gtest.h>

namespace weir::server {
namespace {

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }

TEST(ClientCounts, WhoSharesAPlace) {
  struct Row {
    const char* name;
    const char* first;
    const char* second;
    bool shared;
  };
  const Row rows[] = {
      {"the same IPv4 address", "192.0.2.1", "192.0.2.1", true},
      {"neighbours in IPv4", "192.0.2.1", "192.0.2.2", false},
      {"the same IPv6 address", "2001:db8::1", "2001:db8::1", true},
      {"the same /64", "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
      {"neighbouring /64", "2001:db8::1", "2001:db8:0:1::1", false},
      {"IPv4 and an IPv6 of the same first bytes", "32.1.13.184", "2001:db8::", false},
  };
  for (const Row& row : rows) {
    ClientCounts counts;
    EXPECT_TRUE(counts.enter(0, ip(row.first), 1)) << row.name;
    EXPECT_EQ(counts.enter(0, ip(row.second), 1), !row.shared) << row.name;
  }
}

TEST(ClientCounts, AsManyAsTheLimitAndAgainWhenOneLeft) {
  ClientCounts counts;
  const IpAddress client = ip("192.0.2.1");
  EXPECT_TRUE(counts.enter(0, client, 2));
  EXPECT_TRUE(counts.enter(0, client, 2));
  EXPECT_FALSE(counts.enter(0, client, 2));
  EXPECT_FALSE(counts.enter(0, client, 2));
  counts.leave(0, client);
  EXPECT_TRUE(counts.enter(0, client, 2));
  EXPECT_FALSE(counts.enter(0, client, 2));
  // A limit that was raised meanwhile.
  EXPECT_TRUE(counts.enter(0, client, 3));
}

TEST(ClientCounts, ListenersCountForThemselves) {
  ClientCounts counts;
  const IpAddress client = ip("192.0.2.1");
  EXPECT_TRUE(counts.enter(0, client, 1));
  EXPECT_TRUE(counts.enter(1, client, 1));
  counts.leave(1, client);
  EXPECT_FALSE(counts.enter(0, client, 1));
  EXPECT_TRUE(counts.enter(1, client, 1));
}

TEST(ClientCounts, OneThatWasNeverCountedMayLeave) {
  ClientCounts counts;
  counts.leave(0, ip("192.0.2.1"));
  EXPECT_TRUE(counts.enter(0, ip("192.0.2.1"), 1));
}

}  // namespace
}  // namespace weir::server
