#include "server/readiness.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "weir/net/loop.hpp"

namespace weir::server {
namespace {

using namespace std::chrono_literals;

class ReadinessTest : public testing::Test {
 protected:
  static config::Upstream upstream_of(std::string name, std::vector<std::string> addresses) {
    config::Upstream out;
    out.name = std::move(name);
    for (std::string& address : addresses) out.endpoints.push_back({std::move(address), 1});
    return out;
  }
  void configure(const std::vector<config::Upstream>& upstreams) {
    for (const config::Upstream& upstream : upstreams) registry_.get(upstream);
    registry_.commit(upstreams);
  }
  void begin(Duration at_most) {
    readiness_.begin(registry_, at_most, [this] { ++told_; });
  }
  void found(const std::string& upstream, const std::string& name) {
    registry_.find(upstream)->set_members(name,
                                          {{SocketAddress(*IpAddress::parse("127.0.0.1"), 80)}});
    readiness_.look();
  }

  net::Loop loop_;
  asio::io_context main_;
  upstream::Registry registry_{{&loop_}, {}};
  Readiness readiness_{main_};
  int told_ = 0;
};

TEST_F(ReadinessTest, AtOnceWhereEveryUpstreamHasAnAddressOfItsOwn) {
  configure({upstream_of("a", {"10.0.0.1:80"}), upstream_of("b", {"b.test:80", "unix:/x"})});
  begin(10s);
  EXPECT_TRUE(readiness_.reached());
  EXPECT_EQ(told_, 1);
}

TEST_F(ReadinessTest, WhenEveryUpstreamOfNamesWasResolvedOnce) {
  configure({upstream_of("a", {"a.test:80", "a2.test:80"}), upstream_of("b", {"b.test:80"}),
             upstream_of("c", {"10.0.0.1:80"})});
  begin(10s);
  EXPECT_FALSE(readiness_.reached());
  EXPECT_EQ(readiness_.waits_for(), "upstream a (a.test:80, a2.test:80), upstream b (b.test:80)");
  found("a", "a2.test:80");
  EXPECT_FALSE(readiness_.reached());
  EXPECT_EQ(readiness_.waits_for(), "upstream b (b.test:80)");
  found("b", "b.test:80");
  EXPECT_TRUE(readiness_.reached());
  EXPECT_EQ(told_, 1);
  // Said once, it stays so.
  configure({upstream_of("d", {"d.test:80"})});
  readiness_.reloaded(registry_, 10s);
  EXPECT_TRUE(readiness_.reached());
}

TEST_F(ReadinessTest, AReloadMayTakeAwayWhatIsWaitedForOrBringMore) {
  configure({upstream_of("a", {"a.test:80"})});
  begin(10s);
  configure({upstream_of("b", {"b.test:80"})});
  readiness_.reloaded(registry_, 10s);
  EXPECT_EQ(readiness_.waits_for(), "upstream b (b.test:80)");
  configure({upstream_of("c", {"10.0.0.1:80"})});
  readiness_.reloaded(registry_, 10s);
  EXPECT_TRUE(readiness_.reached());
}

TEST_F(ReadinessTest, AtTheLatestWhenTheTimeIsOver) {
  configure({upstream_of("a", {"a.test:80"})});
  begin(30ms);
  EXPECT_FALSE(readiness_.reached());
  const TimePoint end = Clock::now() + 5s;
  while (!readiness_.reached() && Clock::now() < end) main_.run_one_for(10ms);
  EXPECT_EQ(told_, 1);
}

TEST_F(ReadinessTest, WithoutTimeNobodyWaits) {
  configure({upstream_of("a", {"a.test:80"})});
  begin(0s);
  EXPECT_TRUE(readiness_.reached());
}

TEST_F(ReadinessTest, OfManyAFewAreNamed) {
  std::vector<config::Upstream> many;
  for (int i = 0; i < 9; ++i) many.push_back(upstream_of("u" + std::to_string(i), {"x.test:1"}));
  configure(many);
  begin(10s);
  EXPECT_TRUE(readiness_.waits_for().ends_with("upstream u4 (x.test:1) and 4 more"))
      << readiness_.waits_for();
}

}  // namespace
}  // namespace weir::server
