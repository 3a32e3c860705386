// A cluster whose endpoints have zones.
#pragma once

#include <string>
#include <vector>

#include "upstream/balancing_case.hpp"

namespace weir::upstream {

inline constexpr config::LoadBalancing zone_policies[] = {
    config::LoadBalancing::round_robin, config::LoadBalancing::least_requests,
    config::LoadBalancing::random_two, config::LoadBalancing::peak_ewma};

class ZonesTest : public BalancingTest {
 protected:
  // An endpoint in each of `zones`; the gateway is in zone a.
  void serve_zones(const std::vector<std::string>& zones,
                   config::LoadBalancing policy = config::LoadBalancing::round_robin) {
    serve(std::vector<std::uint32_t>(zones.size()), policy);
    for (std::size_t i = 0; i < zones.size(); ++i) upstream_.endpoints[i].zone = zones[i];
    upstream_.load_balancer.zone_aware = true;
    upstream_.load_balancer.local_zone = "a";
    make();
  }
  void expect_spread(const std::vector<double>& shares, const char* what) {
    constexpr int requests = 400;
    Counts got = spread(requests);
    int all = 0;
    for (std::size_t i = 0; i < shares.size(); ++i) {
      EXPECT_NEAR(got[std::to_string(i)], shares[i] * requests, 8) << what << ", endpoint " << i;
      all += got[std::to_string(i)];
    }
    EXPECT_EQ(all, requests) << what << ": no request failed";
  }
  double share_of(const std::string& zone) {
    for (const ZoneInfo& each : cluster_->describe().zones) {
      if (each.zone == zone) return each.share;
    }
    return 0;
  }
};

}  // namespace weir::upstream
