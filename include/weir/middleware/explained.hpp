// What a middleware would make of a request that is explained, not sent (`weir explain`). Values.
#pragma once

#include <string>
#include <string_view>

#include "weir/base/reason.hpp"

namespace weir {

struct Explained {
  std::string text;  // "ip_filter: 192.0.2.7 is allowed"
  int status = 0;    // of the middleware's own answer; 0: the request goes on
};

// The explanation of a refusal: "WHAT: DETAIL (403 ip_denied)" with the status of `reason`.
Explained explain_refusal(std::string_view what, Reason reason, std::string_view detail);

}  // namespace weir
