// Whether a route's `retry` holds for a request, as the fetch decides it: for explain. Pure.
#pragma once

#include "weir/config/retry.hpp"
#include "weir/http/head.hpp"

namespace weir::proxy {

// The request may be carried out twice, as the rule sees it: by its method, or by a field.
bool may_be_retried(const config::Retry& retry, const RequestHead& head);

}  // namespace weir::proxy
