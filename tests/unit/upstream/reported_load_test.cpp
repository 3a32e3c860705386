// Weights that endpoints report: where a cluster's requests go.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "upstream/zones_case.hpp"

namespace weir::upstream {
namespace {

using config::LoadBalancing;

class ReportedTest : public ZonesTest {
 protected:
  void serve_reported(std::size_t count, LoadBalancing policy = LoadBalancing::round_robin) {
    serve(std::vector<std::uint32_t>(count), policy);
    upstream_.load_balancer.weights = config::BalancerWeights::reported;
    make();
  }
  // As if it had come for so long, the last time `ago`.
  void report(std::size_t i, double weight, Duration since, Duration ago = {}) {
    auto& load = const_cast<Endpoint&>(*cluster_->describe().endpoints[i].endpoint).load();
    load.report(weight, Clock::now() - since);
    load.report(weight, Clock::now() - ago);
  }
  EndpointInfo info_of(std::size_t i) { return cluster_->describe().endpoints[i]; }
};

TEST_F(ReportedTest, EndpointsGetWhatTheySayTheyCanTake) {
  for (const LoadBalancing policy :
       {LoadBalancing::round_robin, LoadBalancing::least_requests, LoadBalancing::peak_ewma}) {
    SCOPED_TRACE(config::name(policy));
    serve_reported(3, policy);
    report(0, 300, 11s);
    report(1, 100, 11s);
    look_again();
    expect_spread({0.5, 1.0 / 6, 1.0 / 3}, "the third has the mean");
    EXPECT_DOUBLE_EQ(info_of(0).effective_weight, 300);
    EXPECT_EQ(info_of(0).weight_source, WeightSource::reported);
    EXPECT_DOUBLE_EQ(info_of(2).effective_weight, 200);
    EXPECT_EQ(info_of(2).weight_source, WeightSource::mean);
    EXPECT_EQ(info_of(2).weight_why, "no report yet");
  }
}

TEST_F(ReportedTest, WhatIsTooNewOrTooOldDoesNotCount) {
  serve_reported(2);
  report(0, 300, 0s);
  report(1, 100, 10min, 4min);
  look_again();
  const auto all = cluster_->describe().endpoints;
  EXPECT_EQ(all[0].weight_source, WeightSource::configured);
  EXPECT_THAT(all[0].weight_why,
              testing::MatchesRegex("reports for [0-9] s, they count after 10 s"));
  EXPECT_THAT(all[1].weight_why,
              testing::MatchesRegex("no report for 24[0-9] s, the last counts for 180 s"));
  expect_spread({0.5, 0.5}, "as configured");
}

TEST_F(ReportedTest, OnesThatComeBackAreNew) {
  serve_reported(2);
  report(0, 300, 1min);
  report(1, 100, 1min);
  look_again();
  expect_spread({0.75, 0.25}, "both");
  set_state(0, EndpointState::down);
  set_state(0, EndpointState::ready);
  expect_spread({0.5, 0.5}, "the first at the mean of the others");
  EXPECT_EQ(info_of(0).weight_source, WeightSource::mean);
}

TEST_F(ReportedTest, AnOperatorsZeroStays) {
  serve_reported(2);
  report(0, 300, 1min);
  report(1, 100, 1min);
  cluster_->set_endpoint(address(0), {}, 0);
  expect_spread({0, 1}, "weight 0");
  EXPECT_EQ(info_of(0).effective_weight, 0);
}

// Nobody tells the workers of a report: they look once a second.
TEST_F(ReportedTest, TheyCountWithinASecond) {
  serve_reported(2);
  expect_spread({0.5, 0.5}, "before");
  report(0, 300, 11s);
  report(1, 100, 11s);
  run([&]() -> Task<> {
    const TimePoint later = loop().now() + 1100ms;
    co_await until(loop(), [&] { return loop().now() > later; });
  });
  expect_spread({0.75, 0.25}, "after");
}

TEST_F(ReportedTest, ZonesAreSplitByThem) {
  serve_zones({"a", "b"});
  upstream_.load_balancer.weights = config::BalancerWeights::reported;
  make();
  report(0, 100, 11s);
  report(1, 300, 11s);
  look_again();
  expect_spread({0.5, 0.5}, "two zones, and 1 of 4");
}

}  // namespace
}  // namespace weir::upstream
