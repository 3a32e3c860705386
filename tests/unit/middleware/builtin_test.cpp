#include "weir/middleware/builtin.hpp"

#include <algorithm>

#include "middleware/fixture.hpp"

namespace weir::test {
namespace {

TEST(Builtin, EveryTypeHasItsLine) {
  const std::vector<config::MiddlewareSpec> specs{
      config::Cors{},        config::IpFilter{},  config::BodyLimit{},        config::Headers{},
      config::BasicAuth{},   config::RateLimit{}, config::ConcurrencyLimit{}, config::ApiKey{},
      config::ForwardAuth{}, config::Jwt{}};
  ASSERT_EQ(builtin_middleware().size(), specs.size());
  for (const config::MiddlewareSpec& spec : specs) {
    EXPECT_EQ(std::ranges::count(builtin_middleware(), type_name(spec), &BuiltinMiddleware::type),BuiltinMiddleware::type),
              1);
  }
}

config::Config three_routes() {
  config::Config config;
  config.middleware.resize(2);
  config.middleware[0].name = "inside";
  config.middleware[0].spec = config::IpFilter{};
  config.middleware[1].name = "mark";
  config::Headers headers;
  headers.request.set = {{"x-order", "{id}"}};
  config.middleware[1].spec = headers;
  config.routes.resize(3);
  config.routes[0].middleware = {"inside", "mark"};
  config.routes[0].match.path_params = {"shop", "id"};
  config.routes[1].middleware = {"mark"};
  config.routes[1].match.path_params = {"id"};
  return config;
}

using BuiltinTest = MiddlewareTest;

TEST_F(BuiltinTest, BuildsAChainForEachRoute) {
  const std::vector<Chain> chains = build_chains(three_routes(), services);
  ASSERT_EQ(chains.size(), 3u);
  EXPECT_EQ(chains[0].size(), 2u);
  EXPECT_EQ(chains[1].size(), 1u);
  EXPECT_TRUE(chains[2].empty());
}

TEST_F(BuiltinTest, AParameterIsFoundByNameInEachRoute) {
  const config::Config config = three_routes();
  const std::vector<Chain> chains = build_chains(config, services);
  route = config.routes[1];
  send(chains[1], {});
  EXPECT_EQ(origin.saw, "x-order: 42");
}

TEST_F(BuiltinTest, RefusesAnUnknownName) {
  config::Config config = three_routes();
  config.routes[2].middleware = {"nobody"};
  EXPECT_THROW(build_chains(config, services), std::invalid_argument);
}

}  // namespace
}  // namespace weir::test
