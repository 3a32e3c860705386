#include "weir/base/ip.hpp"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(IpAddress, ParsesBothFamilies) {
  const struct {
    std::string_view text;
    std::string_view printed;  // "" for no address
  } rows[] = {
      {"127.0.0.1", "127.0.0.1"},
      {"::1", "::1"},
      {"2001:DB8:0:0::1", "2001:db8::1"},
      {"::ffff:10.0.0.1", "10.0.0.1"},  // one peer has one spelling
      {"0.0.0.0", "0.0.0.0"},
      {"", ""},
      {"1.2.3", ""},
      {"1.2.3.256", ""},
      {"01.2.3.4", ""},
      {"1.2.3.4 ", ""},
      {"[::1]", ""},
      {"fe80::1%eth0", ""},
      {":::", ""},
      {"localhost", ""},
  };
  for (const auto& row : rows) {
    const auto parsed = IpAddress::parse(row.text);
    EXPECT_EQ(parsed ? parsed->to_string() : "", row.printed) << row.text;
  }
  EXPECT_EQ(IpAddress().to_string(), "unix");
  EXPECT_FALSE(IpAddress().valid());
}

TEST(IpAddress, KnowsLoopbackAndUnspecified) {
  EXPECT_TRUE(IpAddress::parse("127.9.9.9")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("::2")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("10.0.0.1")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::")->is_unspecified());
  EXPECT_FALSE(IpAddress().is_unspecified());
}

TEST(IpAddress, Masks) {
  EXPECT_EQ(IpAddress::parse("10.1.2.3")->masked(20).to_string(), "10.1.0.0");
  EXPECT_EQ(IpAddress::parse("2001:db8:1:2:3::4")->masked(64).to_string(), "2001:db8:1:2::");
  EXPECT_EQ(IpAddress::parse("255.255.255.255")->masked(0).to_string(), "0.0.0.0");
}

TEST(Cidr, ParsesNetworks) {
  for (const std::string_view good :
       {"10.0.0.0/8", "0.0.0.0/0", "::/0", "2001:db8::/32", "1.2.3.4/32"}) {
    ASSERT_TRUE(Cidr::parse(good)) << good;
    EXPECT_EQ(Cidr::parse(good)->to_string(), good);
  }
  EXPECT_EQ(Cidr::parse("1.2.3.4")->to_string(), "1.2.3.4/32");
  for (const std::string_view bad : {"", "/8", "10.0.0.1/8", "10.0.0.0/33", "::/129", "10.0.0.0/",
                                     "10.0.0.0/-1", "10.0.0.0/8/8"}) {
    EXPECT_FALSE(Cidr::parse(bad)) << bad;
  }
}

TEST(Cidr, ContainsItsOwnFamily) {
  const Cidr ten = *Cidr::parse("10.0.0.0/8");
  EXPECT_TRUE(ten.contains(*IpAddress::parse("10.255.0.1")));
  EXPECT_TRUE(ten.contains(*IpAddress::parse("::ffff:10.0.0.1")));
  EXPECT_FALSE(ten.contains(*IpAddress::parse("11.0.0.1")));
  EXPECT_FALSE(Cidr::parse("::/0")->contains(*IpAddress::parse("10.0.0.1")));
  EXPECT_FALSE(Cidr::parse("0.0.0.0/0")->contains(IpAddress()));
}

TEST(SocketAddress, ParsesPrintsAndConverts) {
  for (const std::string_view good :
       {"1.2.3.4:80", "0.0.0.0:0", "[::1]:65535", "unix:/run/x.sock"}) {
    const auto parsed = SocketAddress::parse(good);
    ASSERT_TRUE(parsed) << good;
    EXPECT_EQ(parsed->to_string(), good);
    sockaddr_storage storage;
    const socklen_t length = parsed->to_sockaddr(storage);
    EXPECT_EQ(SocketAddress::from(reinterpret_cast<const sockaddr*>(&storage), length), *parsed);
  }
  for (const std::string_view bad :
       {"", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "::1:80", "[::1]", "[::1]80",
        "[1.2.3.4]:80", "localhost:80", "*:80", ":80", "unix:"}) {
    EXPECT_FALSE(SocketAddress::parse(bad)) << bad;
  }
  EXPECT_FALSE(SocketAddress::parse("unix:/" + std::string(107, 'x')));
  EXPECT_TRUE(SocketAddress::parse("unix:/" + std::string(106, 'x')));
}

TEST(HostPort, IsTakenApart) {
  const struct {
    std::string_view text;
    std::string_view host;
    int port;  // 0: no host and port
  } rows[] = {
      {"a.example:80", "a.example", 80},
      {"[::1]:443", "::1", 443},
      {"1.2.3.4:1", "1.2.3.4", 1},
      {"a", "", 0},
      {"a:", "", 0},
      {"a:0", "", 0},
      {"a:65536", "", 0},
      {":80", "", 0},
      {"[]:80", "", 0},
      {"::1", "", 0},
      {"a:80:80", "", 0},
  };
  for (const auto& row : rows) {
    const auto parts = split_host_port(row.text);
    EXPECT_EQ(parts ? parts->host : "", row.host) << row.text;
    EXPECT_EQ(parts ? parts->port : 0, row.port) << row.text;
  }
}

TEST(Localhost, IsThisMachineUnderEachOfItsNames) {
  for (const char* name :
       {"localhost", "LocalHost", "localhost.", "a.localhost", "a.b.localhost."}) {
    EXPECT_TRUE(is_localhost(name)) << name;
  }
  for (const char* name : {"", ".", "localhos", "xlocalhost", ".localhost", "localhost.example",
                           "localhost..", "127.0.0.1"}) {
    EXPECT_FALSE(is_localhost(name)) << name;
  }
  for (const IpAddress& address : loopback_addresses()) {
    EXPECT_TRUE(address.is_loopback()) << address.to_string();
  }
}

}  // namespace
}  // namespace weir
