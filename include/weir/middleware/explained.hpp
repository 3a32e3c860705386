// What a middleware would make of a request that is explained, not sent (`weir explain`). Values.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "weir/base/reason.hpp"
#include "weir/http/header_map.hpp"

namespace weir {

struct Explained {
  std::string text;              // "ip_filter: 192.0.2.7 is allowed"
  int status = 0;                // of the middleware's own answer; 0: the request goes on
  Reason reason = Reason::none;  // of a refusal
  // What the middleware does to the fields of an answer that comes out of the layers within, or of
  // its own answer; empty: nothing. Called while the request and its exchange live.
  std::function<void(HeaderMap& answer)> on_answer{};
};

// The explanation of a refusal: "WHAT: DETAIL (403 ip_denied)" with the status of `reason`.
Explained explain_refusal(std::string_view what, Reason reason, std::string_view detail);

}  // namespace weir
