#include "weir/server/caller_memory.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir::server {
namespace {

constexpr std::uint64_t gib = std::uint64_t{1} << 30;

config::Config configuration(const std::string& routes) {
  auto loaded = config::load_text(R"(
version: 1
listeners: [{name: http, bind: "127.0.0.1:0"}]
middleware:
  small: {rate_limit: {rate: 5/s, key: client_ip}}
  large: {rate_limit: {rate: 5/s, key: client_ip, max_keys: 100000000}}
  huge: {rate_limit: {rate: 6/s, key: client_ip, max_keys: 100000000}}
  few: {concurrency_limit: {limit: 5, key: client_ip}}
routes:
)" + routes);
  EXPECT_TRUE(loaded) << loaded.error().front().to_string();
  return std::move(loaded->config);
}

TEST(CallerMemory, TablesOfAllLimitsInUseCount) {
  const config::Config config = configuration(
      "  - {name: a, match: {path: /a}, respond: {}, middleware: [large, small]}\n"
      "  - {name: b, match: {path: /b}, respond: {}, middleware: [large, few]}\n");
  // 100 million, one million and 131,072 callers of 32 bytes: 3.01 GiB.
  EXPECT_FALSE(caller_memory_warning(config, 4 * gib));
  EXPECT_FALSE(caller_memory_warning(config, 0)) << "not known";
  const auto warning = caller_memory_warning(config, 2 * gib);
  ASSERT_TRUE(warning);
  EXPECT_EQ(
      warning->to_string(),
      "weir.yaml:6:3: middleware.large: the tables of callers of all limits may grow to 3.0 GiB, "
      "but this process may have only 2.0 GiB; lower max_keys (32 bytes for each) [caller-memory]");
}

TEST(CallerMemory, NothingIsSaidWhereNothingCounts) {
  EXPECT_FALSE(
      caller_memory_warning(configuration("  - {name: a, match: {path: /a}, respond: {}}\n"), 1));
}

TEST(CallerMemory, ThisMachineHasSome) {
  EXPECT_FALSE(caller_memory_warning(
      configuration("  - {name: a, match: {path: /a}, respond: {}, middleware: [few]}\n")));
}

}  // namespace
}  // namespace weir::server
