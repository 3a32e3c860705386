// Where a listener with `redirect_https` sends a request. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "weir/config/model.hpp"
#include "weir/http/head.hpp"

namespace weir::server {

// The https URL of the same host, path and query, as they came; "" for a request without a host.
std::string https_location(const RequestHead& head, const config::RedirectHttps& redirect);

// Why a request without a host (HTTP/1.0) is refused.
inline constexpr std::string_view no_host_to_redirect_to = "no Host, so the redirect has no target";

}  // namespace weir::server
