#include "telemetry/text_format.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace weir::telemetry {
namespace {

std::string number(double value) {
  std::string out;
  append_number(out, value);
  return out;
}

TEST(MetricsText, NumbersReadBackTheSame) {
  EXPECT_EQ(number(0), "0");
  EXPECT_EQ(number(-3), "-3");
  EXPECT_EQ(number(1'000'000), "1000000");
  EXPECT_EQ(number(9007199254740992.0), "9007199254740992");
  EXPECT_EQ(number(0.0005), "0.0005");
  EXPECT_EQ(number(1.0 / 3), "0.3333333333333333");
  EXPECT_EQ(std::stod(number(1e300)), 1e300);
  EXPECT_EQ(number(std::numeric_limits<double>::infinity()), "+Inf");
  EXPECT_EQ(number(-std::numeric_limits<double>::infinity()), "-Inf");
  EXPECT_EQ(number(std::numeric_limits<double>::quiet_NaN()), "NaN");
}

TEST(MetricsText, BoundsAreFloatsInOpenMetrics) {
  EXPECT_EQ(bound_text(10'000'000'000, TextFormat::openmetrics), "10.0");
  EXPECT_EQ(bound_text(10'000'000'000, TextFormat::prometheus), "10");
  EXPECT_EQ(bound_text(2'500'000, TextFormat::openmetrics), "0.0025");
  EXPECT_EQ(bound_text(100'000, TextFormat::prometheus), "0.0001");
}

TEST(MetricsText, LabelsAreEscaped) {
  std::string out;
  append_label(out, "endpoint", "unix:/run/x \"y\"\\\n");
  EXPECT_EQ(out, R"(endpoint="unix:/run/x \"y\"\\\n")");
}

TEST(MetricsText, HeadingsFollowTheFormat) {
  std::string out;
  append_heading(out, FamilyKind::counter, "weir_x_bytes_total", "A \"b\"\\",
                 TextFormat::prometheus);
  EXPECT_EQ(out,
            "# HELP weir_x_bytes_total A \"b\"\\\\\n"
            "# TYPE weir_x_bytes_total counter\n");
  out.clear();
  append_heading(out, FamilyKind::counter, "weir_x_bytes_total", "A \"b\"\\",
                 TextFormat::openmetrics);
  EXPECT_EQ(out,
            "# HELP weir_x_bytes A \\\"b\\\"\\\\\n"
            "# TYPE weir_x_bytes counter\n"
            "# UNIT weir_x_bytes bytes\n");
  out.clear();
  append_heading(out, FamilyKind::gauge, "weir_bytes", "Help", TextFormat::openmetrics);
  EXPECT_EQ(out, "# HELP weir_bytes Help\n# TYPE weir_bytes gauge\n# UNIT weir_bytes bytes\n");
}

TEST(MetricsText, ExemplarsHaveTheirTime) {
  std::string out;
  append_exemplar(out, {.trace = {1, 0xabc},
                        .nanoseconds = 1'500'000,
                        .when = std::chrono::microseconds(1'700'000'000'000'007)});
  EXPECT_EQ(out, R"( # {trace_id="00000000000000010000000000000abc"} 0.0015 1700000000.000007)");
}

}  // namespace
}  // namespace weir::telemetry
