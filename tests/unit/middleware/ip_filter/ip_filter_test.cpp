#include "middleware/fixture.hpp"

namespace weir::test {
namespace {

using IpFilterTest = MiddlewareTest;

std::vector<Cidr> networks(std::vector<std::string> texts) {
  std::vector<Cidr> out;
  for (const std::string& text : texts) out.push_back(*Cidr::parse(text));
  return out;
}

TEST_F(IpFilterTest, Rules) {
  struct Row {
    std::string name;
    std::vector<std::string> allow, deny;
    std::string client;
    int status;
  };
  const std::vector<Row> rows{
      {"no rules", {}, {}, "192.0.2.1", 200},
      {"allowed", {"192.0.2.0/24"}, {}, "192.0.2.1", 200},
      {"not among the allowed", {"192.0.2.0/24"}, {}, "198.51.100.1", 403},
      {"denied", {}, {"192.0.2.0/24"}, "192.0.2.1", 403},
      {"not among the denied", {}, {"192.0.2.0/24"}, "198.51.100.1", 200},
      {"deny comes first", {"192.0.2.0/24"}, {"192.0.2.1"}, "192.0.2.1", 403},
      {"IPv6", {"2001:db8::/32"}, {}, "2001:db8::1", 200},
      {"mapped IPv4 is IPv4", {"192.0.2.0/24"}, {}, "::ffff:192.0.2.1", 200},
      {"no address is in no network", {"0.0.0.0/0", "::/0"}, {}, "", 403},
      {"no address is not denied", {}, {"0.0.0.0/0", "::/0"}, "", 200},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const Chain chain = chain_of(config::IpFilter{networks(row.allow), networks(row.deny)});
    const Response response = send(chain, {.client_ip = row.client});
    EXPECT_EQ(response.head.status, row.status);
    EXPECT_EQ(response.reason, row.status == 200 ? Reason::none : Reason::ip_denied);
  }
}

}  // namespace
}  // namespace weir::test
