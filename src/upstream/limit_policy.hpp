// What `concurrency` of an upstream says, in the words of control.
#pragma once

#include <optional>

#include "weir/config/concurrency.hpp"
#include "weir/control/measured_limit.hpp"

namespace weir::upstream {

// Nothing where the limit of an endpoint is a number of the file.
std::optional<control::MeasuredLimit::Policy> limit_policy(const config::Concurrency& concurrency);

}  // namespace weir::upstream
