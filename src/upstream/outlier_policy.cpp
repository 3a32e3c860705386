#include "upstream/outlier_policy.hpp"

namespace weir::upstream {

std::optional<control::OutlierPolicy> outlier_policy(
    const std::optional<config::OutlierDetection>& configured) {
  if (!configured) return std::nullopt;
  return control::OutlierPolicy{.consecutive_errors = configured->consecutive_errors,
                                .failure_share = configured->failure_share,
                                .minimum_requests = configured->minimum_requests,
                                .interval = configured->interval,
                                .ejection_time = configured->ejection_time,
                                .max_ejection_time = configured->max_ejection_time,
                                .max_ejected = configured->max_ejected};
}

}  // namespace weir::upstream
