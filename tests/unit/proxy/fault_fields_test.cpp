#include "proxy/fault_fields.hpp"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

using namespace std::chrono_literals;

TEST(FaultFields, ADelayIsDigitsAndAUnit) {
  const struct {
    std::string_view text;
    std::optional<Duration> delay;
  } rows[] = {
      {"0", 0ms},
      {"200", 200ms},
      {"200ms", 200ms},
      {"2s", 2s},
      {"60s", 1min},
      {"60000", 1min},
      {"61s", std::nullopt},
      {"60001ms", std::nullopt},
      {"", std::nullopt},
      {"ms", std::nullopt},
      {"s", std::nullopt},
      {"-1", std::nullopt},
      {"1m", std::nullopt},
      {"1 s", std::nullopt},
      {"1.5s", std::nullopt},
      {"99999999999999999999s", std::nullopt},
  };
  for (const auto& row : rows) EXPECT_EQ(parse_fault_delay(row.text), row.delay) << row.text;
}

TEST(FaultFields, AStatusIsOfAFinalAnswer) {
  const struct {
    std::string_view text;
    std::optional<int> status;
  } rows[] = {{"503", 503},          {"200", 200},           {"599", 599},
              {"199", std::nullopt}, {"600", std::nullopt},  {"", std::nullopt},
              {"5o3", std::nullopt}, {"-503", std::nullopt}, {"99999999999", std::nullopt}};
  for (const auto& row : rows) EXPECT_EQ(parse_fault_status(row.text), row.status) << row.text;
}

}  // namespace
}  // namespace weir::proxy
