// From the configuration of outlier_detection to the rules that eject.
#pragma once

#include <optional>

#include "weir/config/health.hpp"
#include "weir/control/outlier_detector.hpp"

namespace weir::upstream {

std::optional<control::OutlierPolicy> outlier_policy(
    const std::optional<config::OutlierDetection>& configured);

}  // namespace weir::upstream
