// Answers that Weir gives itself: problem+json (RFC 9457), Proxy-Status (RFC 9209), Retry-After.
// Everything that refuses a request builds its answer here, so all of them look alike.
#pragma once

#include <string>
#include <string_view>

#include "weir/base/time.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"

namespace weir {

// The answer for `reason`; `detail` goes into the body and the access log, and without one the
// reason's sentence. It is for the client: of a 5xx it is a sentence, and never has an upstream's
// address.
// `retry_after` is rounded up to whole seconds, at least 1, and sent where the reason's row asks
// for it. Names the proxy "weir" in Proxy-Status; `proxy_error` is its error type, "" for the
// reason's own.
Response problem(Reason reason, std::string_view detail, std::string_view request_id,
                 Duration retry_after = Duration::zero(), std::string_view proxy_error = {});
// The answer for `error`: its detail where the client caused it, otherwise its sentence.
Response problem(const Error& error, std::string_view request_id);

// An answer of ours that is no refusal: Server: weir, Content-Length from the body.
Response simple_answer(int status, std::string body, std::string_view content_type = "text/plain");

}  // namespace weir
