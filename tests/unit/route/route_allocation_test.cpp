#include <gtest/gtest.h>

#include <random>

#include "allocation_count.hpp"
#include "route/route_model.hpp"

namespace weir::route {
namespace {

TEST(RouteAllocation, MatchingDoesNotAllocate) {
  if (!counts_allocations()) GTEST_SKIP() << "the sanitizer has its own operator new";
  std::mt19937 random(11);
  const auto choose = [&random](std::size_t below) {
    return static_cast<std::size_t>(random() % below);
  };
  const auto listeners = model::listeners();
  std::size_t matched = 0;
  for (int table_number = 0; table_number < 50; ++table_number) {
    const auto routes = model::make_routes(choose);
    const auto table = RouteTable::compile(routes, listeners, std::vector<bool>(routes.size()));
    ASSERT_TRUE(table.has_value());
    std::vector<model::Request> requests;
    for (int i = 0; i < 100; ++i) requests.push_back(model::make_request(choose));
    Match match;
    const auto match_all = [&] {
      for (const model::Request& request : requests) {
        matched += table->match(request.view(), match) ? 1 : 0;
        matched += table->match_preflight(request.view(), match) ? 1 : 0;
      }
    };
    match_all();  // expressions meet their states
    const std::size_t before = allocation_count();
    ASSERT_GT(before, 0U);
    match_all();
    EXPECT_EQ(allocation_count(), before);
  }
  EXPECT_GT(matched, 1000U);
}

}  // namespace
}  // namespace weir::route
