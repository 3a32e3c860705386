// What a try of a request says of the endpoint that it went to, for the rules that judge endpoints.
// A value.
#pragma once

#include "weir/base/time.hpp"
#include "weir/control/circuit_breaker.hpp"

namespace weir::upstream {

struct TryOutcome {
  control::CallEnd end = control::CallEnd::unknown;  // unknown: says nothing of the endpoint
  int status = 0;                                    // of the final head, 0: there was none
  // From the request's first byte sent until the final head or the failure; of a connect that
  // failed, how long that took.
  Duration head{};
};

}  // namespace weir::upstream
