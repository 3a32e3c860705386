#include "weir/middleware/builtin.hpp"

#include "middleware/fixture.hpp"

namespace weir::test {
namespace {

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

TEST(Builtin, FieldsThatSayWhoTheCallerIsAreTold) {
  config::BasicAuth basic;
  basic.header = "x-user";
  config::ForwardAuth asked;
  asked.copy_headers = {"x-group", "x-mail"};
  config::Jwt jwt;
  jwt.claims_to_headers = {{"sub", "x-subject"}};
  config::Headers headers;
  headers.request.set = {{"x-edge", "weir"}};
  using Names = std::vector<std::string>;
  EXPECT_EQ(fields_set_by(basic), Names{"x-user"});
  EXPECT_EQ(fields_set_by(asked), (Names{"x-group", "x-mail"}));
  EXPECT_EQ(fields_set_by(jwt), Names{"x-subject"});
  EXPECT_EQ(fields_set_by(headers), Names{});
}

TEST(Builtin, CorsAloneAnswersPreflights) {
  EXPECT_TRUE(answers_preflights(config::Cors{}));
  EXPECT_FALSE(answers_preflights(config::ForwardAuth{}));
}

// What one middleware does to a request is what the next one explains.
TEST(Builtin, AnExplanationChangesTheRequest) {
  config::Config config;
  config.middleware.resize(2);
  config.middleware[0].name = "strip";
  config::Headers headers;
  headers.request.remove = {"authorization"};
  headers.request.set = {{"x-order", "{id}"}};
  config.middleware[0].spec = headers;
  config.middleware[1].name = "login";
  config.middleware[1].spec = config::BasicAuth{};
  config.routes.resize(1);
  config.routes[0].middleware = {"strip", "login"};
  config.routes[0].match.path_params = {"id"};
  Request request;
  request.head.headers.add("authorization", "Basic Ym9iOngx");
  ConnectionInfo connection;
  Exchange exchange(connection, TimePoint{});
  const RouteFacts facts = facts_of(config.routes[0]);
  exchange.fill_context().route = &facts;
  exchange.fill_context().path_params[0] = "42";

  const auto explained = [&](std::size_t i) {
    return explain_middleware(config, config.middleware[i], request, exchange);
  };
  EXPECT_EQ(explained(1).status, 0);
  EXPECT_EQ(exchange.decisions.user, "bob");
  EXPECT_EQ(explained(0).status, 0);
  EXPECT_EQ(request.head.headers.get("x-order"), "42");
  const Explained refused = explained(1);
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.text,
            "basic_auth: authorization: Basic credentials are missing (401 credentials_missing)");
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
