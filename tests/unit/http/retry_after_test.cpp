#include "weir/http/retry_after.hpp"

#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::chrono_literals;

struct RetryAfterRow {
  const char* field;
  std::optional<Duration> wait;
};

constexpr std::time_t date_now = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT

const RetryAfterRow retry_after_table[]{
    {"0", 0s},
    {"1", 1s},
    {"120", 120s},
    {"86400", 24h},
    {"86401", 24h},
    {"99999999999999999999999", 24h},
    {"Sun, 06 Nov 1994 08:49:37 GMT", 0s},
    {"Sun, 06 Nov 1994 08:49:40 GMT", 3s},
    {"Sun, 06 Nov 1994 08:49:00 GMT", 0s},
    {"Fri, 31 Dec 1999 23:59:59 GMT", 24h},
    {"", std::nullopt},
    {"-1", std::nullopt},
    {"1.5", std::nullopt},
    {"1s", std::nullopt},
    {"soon", std::nullopt},
    {"Sun, 06 Xxx 1994 08:49:37 GMT", std::nullopt},
    {"Sun, 06 anF 1994 08:49:37 GMT", std::nullopt},
    {"Sun, 99 Nov 1994 08:49:37 GMT", std::nullopt},
    {"Sun, 06 Nov 1994 08:49:37 CET", std::nullopt},
    {"Sunday, 06-Nov-94 08:49:37 GMT", std::nullopt},
};

TEST(RetryAfter, IsSecondsOrADate) {
  for (const RetryAfterRow& row : retry_after_table)
    EXPECT_EQ(parse_retry_after(row.field, date_now), row.wait) << row.field;
}

}  // namespace
}  // namespace weir
