#include "config/scalars.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace weir::config {
namespace {

using namespace std::chrono_literals;

TEST(Durations, AreDecimalWithUnit) {
  const struct {
    std::string_view text;
    Duration value;
    std::string_view printed;
  } rows[] = {
      {"0", 0s, "0s"},
      {"0s", 0s, "0s"},
      {"250us", 250us, "250us"},
      {"1.5ms", 1500us, "1500us"},
      {"1s", 1s, "1s"},
      {"75s", 75s, "75s"},
      {"0.25m", 15s, "15s"},
      {"120s", 2min, "2m"},
      {"36h", 36h, "36h"},
      {"1.5d", 36h, "36h"},
      {"0.001us", 1ns, "0.001us"},
      {"3650d", longest_duration, "3650d"},
      {"0.000000001d", 86us + 400ns, "86.400us"},
  };
  for (const auto& row : rows) {
    const auto parsed = parse_duration(row.text);
    ASSERT_TRUE(parsed) << row.text << ": " << parsed.error();
    EXPECT_EQ(*parsed, row.value) << row.text;
    EXPECT_EQ(format_duration(*parsed), row.printed);
    EXPECT_EQ(parse_duration(row.printed).value(), row.value) << row.printed;
  }
  for (const std::string_view bad :
       {"", "1", "s", "1 s", " 1s", "-1s", "+1s", "1.s", ".5s", "1,5s", "1e3s", "1S", "1sec", "00",
        "1.0000000001s", "3650.1d", "99999999999999999999s", "18446744073709551615us"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(Rates, AreIntegersByUnit) {
  const struct {
    std::string_view text;
    Rate value;
  } rows[] = {
      {"50/s", {50, 1s}},
      {"1000/m", {1000, 1min}},
      {"100000/h", {100000, 1h}},
      {"1000000000/s", {1'000'000'000, 1s}},
  };
  for (const auto& row : rows) {
    const auto parsed = parse_rate(row.text);
    ASSERT_TRUE(parsed) << row.text << ": " << parsed.error();
    EXPECT_EQ(*parsed, row.value) << row.text;
    EXPECT_EQ(to_text(*parsed), row.text);
  }
  for (const std::string_view bad :
       {"", "0", "0/s", "50", "50/", "/s", "50/d", "50/S", "50 / s", "-1/s", "0.5/s", "1/s/s",
        "1000000001/s", "99999999999999999999/s", "50/ms"}) {
    EXPECT_FALSE(parse_rate(bad)) << bad;
  }
}

TEST(Sizes, AreIntegersWithUnit) {
  const struct {
    std::string_view text;
    std::uint64_t value;
    std::string_view printed;
  } rows[] = {
      {"0", 0, "0"},
      {"1B", 1, "1B"},
      {"1000B", 1000, "1KB"},
      {"1024B", 1024, "1KiB"},
      {"16KiB", 16384, "16KiB"},
      {"60KiB", 61440, "60KiB"},
      {"5MB", 5'000'000, "5MB"},
      {"3GiB", 3ULL << 30, "3GiB"},
      {"1536KiB", 1536 << 10, "1536KiB"},
  };
  for (const auto& row : rows) {
    ASSERT_TRUE(parse_size(row.text)) << row.text;
    EXPECT_EQ(*parse_size(row.text), row.value) << row.text;
    EXPECT_EQ(format_size(row.value), row.printed);
    EXPECT_EQ(parse_size(row.printed).value(), row.value) << row.printed;
  }
  for (const std::string_view bad : {"", "1", "KiB", "1.5KiB", "1 KiB", "-1B", "1k", "1TB", "1kib",
                                     "99999999999GiB", "18446744073709551615B"}) {
    EXPECT_FALSE(parse_size(bad)) << bad;
  }
}

TEST(Shares, ArePercent) {
  EXPECT_EQ(parse_share("30%").value(), 0.3);
  EXPECT_EQ(parse_share("0").value(), 0.0);
  EXPECT_EQ(parse_share("100%").value(), 1.0);
  EXPECT_EQ(parse_share("0.5%").value(), 0.005);
  EXPECT_EQ(format_share(0.3), "30%");
  EXPECT_EQ(format_share(0.001), "0.1%");
  EXPECT_EQ(format_share(1), "100%");
  for (const std::string_view bad : {"", "30", "0.3", "%", "101%", "100.1%", "-1%", "1 %"}) {
    EXPECT_FALSE(parse_share(bad)) << bad;
  }
}

TEST(Flags, HaveFourWords) {
  EXPECT_TRUE(parse_flag("on").value());
  EXPECT_TRUE(parse_flag("true").value());
  EXPECT_FALSE(parse_flag("off").value());
  EXPECT_FALSE(parse_flag("false").value());
  for (const std::string_view bad : {"", "yes", "1", "On", "TRUE"}) EXPECT_FALSE(parse_flag(bad));
}

TEST(Environment, ExpandsOnce) {
  ::setenv("WEIR_TEST_VALUE", "v${WEIR_TEST_VALUE}", 1);
  ::setenv("WEIR_TEST_EMPTY", "", 1);
  ::unsetenv("WEIR_TEST_UNSET");
  const struct {
    std::string_view text;
    std::string_view expanded;
  } rows[] = {
      {"", ""},
      {"plain $5 $$ $", "plain $5 $$ $"},
      {"a${WEIR_TEST_VALUE}b", "av${WEIR_TEST_VALUE}b"},
      {"${WEIR_TEST_UNSET:-x:-y}", "x:-y"},
      {"${WEIR_TEST_UNSET:-}", ""},
      {"${WEIR_TEST_EMPTY}", ""},
      {"${WEIR_TEST_EMPTY:-d}", "d"},
      {"$${WEIR_TEST_UNSET:-x}", "$x"},
  };
  for (const auto& row : rows) {
    const auto expanded = expand_environment(row.text);
    ASSERT_TRUE(expanded) << expanded.error();
    EXPECT_EQ(*expanded, row.expanded) << row.text;
  }
  for (const std::string_view bad : {"${WEIR_TEST_UNSET}", "${", "${X", "${}", "${a-b}", "${1}"}) {
    EXPECT_FALSE(expand_environment(bad)) << bad;
  }
}

TEST(Names, AreShortAndPlain) {
  for (const std::string_view good : {"a", "A-b_c.9", "-"}) {
    EXPECT_TRUE(is_name(good)) << good;
  }
  EXPECT_TRUE(is_name(std::string(64, 'a')));
  EXPECT_FALSE(is_name(std::string(65, 'a')));
  for (const std::string_view bad : {"", "a b", "a/b", "\xC3\xA4", "a\n"})
    EXPECT_FALSE(is_name(bad));
}

TEST(Quotes, ShowNoControls) {
  EXPECT_EQ(in_quotes("a\r\nb"), "'a??b'");
  EXPECT_EQ(in_quotes(std::string(200, 'x')), "'" + std::string(100, 'x') + "...'");
}

}  // namespace
}  // namespace weir::config
