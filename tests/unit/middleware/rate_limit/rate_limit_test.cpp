#include <map>

#include "middleware/fixture.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

config::RateLimit limit(std::uint64_t tokens, Duration period, std::uint64_t burst = 0) {
  config::RateLimit out;
  out.rate = {tokens, period};
  out.burst = burst;
  return out;
}

class RateLimitTest : public MiddlewareTest {
 protected:
  config::Config config;

  void add(std::string name, config::MiddlewareSpec spec) {
    config.middleware.push_back({.name = std::move(name), .spec = std::move(spec), .place = {}});
  }
  // A route through all of them in the order in which they were added.
  Chain chain() {
    config.routes.resize(1);
    config.routes[0].middleware.clear();
    for (const auto& each : config.middleware) config.routes[0].middleware.push_back(each.name);
    return build_chains(config, services).front();
  }
  std::uint64_t counted(std::string_view policy, std::string_view decision) {
    const std::string line = "weir_rate_limit_total{policy=\"" + std::string(policy) +
                             "\",decision=\"" + std::string(decision) + "\"} ";
    const std::string text = metrics.scrape(TimePoint{});
    const std::size_t at = text.find(line);
    return at == std::string::npos ? 0 : std::stoull(text.substr(at + line.size()));
  }
};

std::string told(const Response& response) {
  const HeaderMap& headers = response.head.headers;
  return values(headers, "RateLimit-Policy") + " / " + values(headers, "RateLimit") + " / " +
         values(headers, "X-RateLimit-Limit") + " " + values(headers, "X-RateLimit-Remaining") +
         " " + values(headers, "X-RateLimit-Reset");
}

TEST_F(RateLimitTest, TellsWhatIsLeftAndRefuses) {
  add("per_client", limit(1, 1min, 2));
  const Chain chain = this->chain();
  Response response = send(chain, {});
  EXPECT_EQ(response.head.status, 200);
  EXPECT_EQ(told(response), R"("per_client";q=2;w=120 / "per_client";r=1;t=60 / 2 1 60)");
  response = send(chain, {});
  EXPECT_EQ(told(response), R"("per_client";q=2;w=120 / "per_client";r=0;t=60 / 2 0 120)");
  response = send(chain, {});
  EXPECT_EQ(response.head.status, 429);
  EXPECT_EQ(response.reason, Reason::rate_limited);
  EXPECT_EQ(values(response.head.headers, "retry-after"), "60");
  EXPECT_EQ(told(response), R"("per_client";q=2;w=120 / "per_client";r=0;t=60 / 2 0 120)");
  EXPECT_EQ(origin.calls, 2u);
  EXPECT_EQ(send(chain, {.client_ip = "192.0.2.2"}).head.status, 200);
  EXPECT_EQ(counted("per_client", "allowed"), 3u);
  EXPECT_EQ(counted("per_client", "limited"), 1u);
  EXPECT_EQ(counted("per_client", "dry_run"), 0u);
}

TEST_F(RateLimitTest, TheBurstFollowsFromTheRate) {
  add("m", limit(1000, 1min));
  EXPECT_EQ(told(send(chain(), {})), R"("m";q=16;w=1 / "m";r=15;t=1 / 16 15 1)");
  config.middleware.clear();
  add("h", limit(1, 1h));
  EXPECT_EQ(told(send(chain(), {})), R"("h";q=1;w=3600 / "h";r=0;t=3600 / 1 0 3600)");
}

TEST_F(RateLimitTest, DryRunCountsAndRefusesNobody) {
  config::RateLimit spec = limit(1, 1h, 1);
  spec.dry_run = true;
  add("dry", spec);
  const Chain chain = this->chain();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(send(chain, {}).head.status, 200);
  EXPECT_EQ(counted("dry", "allowed"), 1u);
  EXPECT_EQ(counted("dry", "limited"), 0u);
  EXPECT_EQ(counted("dry", "dry_run"), 2u);
}

TEST_F(RateLimitTest, ARequestMayCostMore) {
  config::RateLimit spec = limit(1, 1min, 5);
  spec.cost = 2;
  add("dear", spec);
  const Chain chain = this->chain();
  EXPECT_EQ(values(send(chain, {}).head.headers, "ratelimit"), R"("dear";r=3;t=60)");
  EXPECT_EQ(values(send(chain, {}).head.headers, "ratelimit"), R"("dear";r=1;t=60)");
  EXPECT_EQ(send(chain, {}).head.status, 429);
}

TEST_F(RateLimitTest, SeveralPoliciesAreToldInOneLineAndTheTightestByItself) {
  add("wide", limit(1, 1min, 10));
  add("narrow", limit(1, 1h, 2));
  const Chain chain = this->chain();
  EXPECT_EQ(told(send(chain, {})), R"("wide";q=10;w=600, "narrow";q=2;w=7200 / )"
                                   R"("wide";r=9;t=60, "narrow";r=1;t=3600 / 2 1 3600)");
  send(chain, {});
  const Response refused = send(chain, {});
  EXPECT_EQ(refused.head.status, 429);
  EXPECT_EQ(values(refused.head.headers, "retry-after"), "3600");
  EXPECT_EQ(values(refused.head.headers, "ratelimit"), R"("wide";r=7;t=60, "narrow";r=0;t=3600)");
}

TEST_F(RateLimitTest, TheUpstreamsItemsFollow) {
  add("ours", limit(1, 1min, 2));
  origin.reply = {{"RateLimit-Policy", "\"theirs\";q=5;w=1"},
                  {"ratelimit", "\"theirs\";r=4"},
                  {"RateLimit", "\"more\";r=3"},
                  {"X-RateLimit-Remaining", "99"},
                  {"x-ratelimit-reset", "98"},
                  {"X-RateLimit-Limit", "97"},
                  {"x-other-thing-here", "1"}};
  const Response response = send(chain(), {});
  EXPECT_EQ(told(response), R"("ours";q=2;w=120, "theirs";q=5;w=1 / )"
                            R"("ours";r=1;t=60, "theirs";r=4, "more";r=3 / 2 1 60)");
  EXPECT_EQ(values(response.head.headers, "x-other-thing-here"), "1");
}

TEST_F(RateLimitTest, AnswersGivenBeforeALimitWasAskedTellOfItToo) {
  add("inside", config::IpFilter{.allow = {}, .deny = {*Cidr::parse("192.0.2.9")}});
  add("ours", limit(1, 1min, 2));
  const Chain chain = this->chain();
  const Response denied = send(chain, {.client_ip = "192.0.2.9"});
  EXPECT_EQ(denied.head.status, 403);
  EXPECT_EQ(told(denied), R"("ours";q=2;w=120 / "ours";r=2;t=1 / 2 2 0)");
  EXPECT_EQ(counted("ours", "allowed"), 0u);
}

TEST_F(RateLimitTest, KeysTellCallersApart) {
  config::RateLimit spec = limit(1, 1h, 1);
  spec.key.parts = {{KeySource::header, "x-tenant"}, {KeySource::path_param, "id"}};
  route.match.path_params = {"id"};
  add("by_tenant", spec);
  const Chain chain = this->chain();
  EXPECT_EQ(send(chain, {.headers = {{"x-tenant", "a"}}}).head.status, 200);
  EXPECT_EQ(send(chain, {.headers = {{"x-tenant", "b"}}}).head.status, 200);
  EXPECT_EQ(send(chain, {.headers = {{"x-tenant", "a"}}, .client_ip = "::1"}).head.status, 429);
  EXPECT_EQ(send(chain, {.client_ip = "2001:db8::1"}).head.status, 200);
  EXPECT_EQ(send(chain, {.client_ip = "2001:db8::2"}).head.status, 429);
  EXPECT_EQ(send(chain, {.client_ip = "2001:db8:0:1::2"}).head.status, 200);
}

TEST_F(RateLimitTest, StateGoesOnWhenThePolicyIsUnchanged) {
  add("ours", limit(1, 1h, 2));
  const Chain before = chain();
  send(before, {});
  const Chain same = chain();
  EXPECT_EQ(values(send(same, {}).head.headers, "x-ratelimit-remaining"), "0");
  EXPECT_EQ(send(before, {}).head.status, 429);
  std::get<config::RateLimit>(config.middleware[0].spec).dry_run = true;
  EXPECT_EQ(values(send(chain(), {}).head.headers, "x-ratelimit-remaining"), "0");
  std::get<config::RateLimit>(config.middleware[0].spec).burst = 3;
  EXPECT_EQ(values(send(chain(), {}).head.headers, "x-ratelimit-remaining"), "2");
  config.middleware[0].name = "renamed";
  EXPECT_EQ(values(send(chain(), {}).head.headers, "x-ratelimit-remaining"), "2");
}

}  // namespace
}  // namespace weir::test
