// The text of /metrics is written by ourselves; a library that others read with comes to the same.
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "telemetry/families.hpp"

namespace weir::telemetry {
namespace {

struct Sample {
  std::string route;
  double value;
};

const std::vector<Sample>& samples() {
  static const std::vector<Sample> out{
      {"orders", 0},
      {"a \"quoted\" one", 1},
      {"back\\slash", 1e15},
      {"two\nlines", 0.25},
      {"", -3.5},
      {"größe", 1'000'000},
      {"endless", std::numeric_limits<double>::infinity()},
      {"none", std::numeric_limits<double>::quiet_NaN()},
  };
  return out;
}

std::string ours(FamilyKind kind, std::string_view name, std::string_view help) {
  const ScrapeRequest asked;
  const config::Metrics settings;
  SeriesCeilings ceilings;
  const Writing writing{asked, settings, ceilings};
  Family family(kind, name, help, writing);
  for (const Sample& each : samples()) {
    if (kind == FamilyKind::counter) {
      family.counter_of({{"route", each.route}, {"status", "200"}}, each.value);
    } else {
      family.gauge({{"route", each.route}, {"status", "200"}}, each.value);
    }
  }
  std::string out;
  std::move(family).append_to(out);
  return out;
}

std::string theirs(prometheus::MetricType type, const std::string& name, const std::string& help) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  for (const Sample& each : samples()) {
    prometheus::ClientMetric metric;
    metric.label = {{"route", each.route}, {"status", "200"}};
    metric.counter.value = each.value;
    metric.gauge.value = each.value;
    family.metric.push_back(std::move(metric));
  }
  return prometheus::TextSerializer().Serialize({family});
}

// Numbers may be written in other ways: "1e+15" is 1000000000000000.
void expect_same_lines(const std::string& a, const std::string& b) {
  std::istringstream left(a);
  std::istringstream right(b);
  std::string one;
  std::string other;
  while (std::getline(left, one)) {
    ASSERT_TRUE(std::getline(right, other)) << one;
    if (one.starts_with('#')) {
      EXPECT_EQ(one, other);
      continue;
    }
    const std::size_t space = one.rfind(' ');
    ASSERT_EQ(one.substr(0, space), other.substr(0, other.rfind(' ')));
    const double value = std::stod(one.substr(space));
    const double known = std::stod(other.substr(other.rfind(' ')));
    EXPECT_TRUE(value == known || (std::isnan(value) && std::isnan(known))) << one << " " << other;
  }
  EXPECT_FALSE(std::getline(right, other)) << other;
}

TEST(TextOfALibrary, Counters) {
  const std::string help = "Things.";  // the library escapes nothing here
  expect_same_lines(ours(FamilyKind::counter, "weir_things_total", help),
                    theirs(prometheus::MetricType::Counter, "weir_things_total", help));
}

TEST(TextOfALibrary, Gauges) {
  const std::string help = "Levels.";
  expect_same_lines(ours(FamilyKind::gauge, "weir_level", help),
                    theirs(prometheus::MetricType::Gauge, "weir_level", help));
}

}  // namespace
}  // namespace weir::telemetry
