// What a middleware would make of a request, in a few words. Pure.
#pragma once

#include <string>

#include "weir/base/ip.hpp"
#include "weir/config/middleware.hpp"
#include "weir/http/head.hpp"

namespace weir::server {

// `answered` becomes the status of the middleware's own answer, if it would give one: judged by the
// functions that the middleware itself calls. What only a running gateway knows (how much of a
// limit is used), and what costs much to check (passwords, signatures, another service's word), is
// told as what would be asked.
std::string explain_middleware(const config::MiddlewareSpec& spec, const RequestHead& head,
                               const IpAddress& client, int& answered);

}  // namespace weir::server
