// The route table against the plain model, over random tables and requests.
#include "route/route_model.hpp"

#include <gtest/gtest.h>

#include <random>

namespace weir::route {
namespace {

std::string describe(const config::Route& route) {
  std::string out = route.name + ":";
  for (const std::string& host : route.match.hosts) out += " " + host;
  return out + " kind " + std::to_string(static_cast<int>(route.match.path_kind)) + " " +
         route.match.path;
}

TEST(RouteModel, AgreesOnRandomTables) {
  std::mt19937 random(20261);
  const auto choose = [&random](std::size_t below) {
    return static_cast<std::size_t>(random() % below);
  };
  const auto listeners = model::listeners();
  std::size_t matched = 0;
  for (int table_number = 0; table_number < 500; ++table_number) {
    const auto routes = model::make_routes(choose);
    const auto table = RouteTable::compile(routes, listeners, std::vector<bool>(routes.size()));
    ASSERT_TRUE(table.has_value());
    for (int i = 0; i < 40; ++i) {
      const model::Request request = model::make_request(choose);
      const Query query = request.view();
      const auto wanted = model::winner(routes, listeners, query);
      Match match;
      const bool found = table->match(query, match);
      ASSERT_EQ(found, wanted.has_value())
          << request.method << " " << request.host << request.path << "?" << request.query;
      if (!found) continue;
      ++matched;
      ASSERT_EQ(match.index, *wanted)
          << request.method << " " << request.host << request.path << "?" << request.query << "\n"
          << describe(routes[match.index]) << "\n"
          << describe(routes[*wanted]);
      EXPECT_EQ(match.param_count, match.route->match.path_params.size());
      const auto steps = table->explain(query);
      EXPECT_TRUE(!steps.empty() && steps[0].matched && steps[0].route == match.index);
    }
  }
  EXPECT_GT(matched, 3000U);
}

}  // namespace
}  // namespace weir::route
