#include "weir/base/reason.hpp"

#include <array>

namespace weir {
namespace {

// In the order of the enumeration.
constexpr std::array<ReasonInfo, reason_count> table{{
    {"none", 200, "", 0, false},
    {"bad_request", 400, "http_request_error", 13, false},
    {"credentials_missing", 401, "http_request_denied", 16, false},
    {"credentials_invalid", 401, "http_request_denied", 16, false},
    {"token_missing", 401, "http_request_denied", 16, false},
    {"token_invalid", 401, "http_request_denied", 16, false},
    {"token_expired", 401, "http_request_denied", 16, false},
    {"insufficient_scope", 403, "http_request_denied", 7, false},
    {"claim_mismatch", 403, "http_request_denied", 7, false},
    {"auth_denied", 403, "http_request_denied", 7, false},
    {"ip_denied", 403, "http_request_denied", 7, false},
    {"no_route", 404, "http_request_error", 12, false},
    {"method_not_allowed", 405, "http_request_error", 12, false},
    {"client_timeout", 408, "http_request_error", 4, false},
    {"body_too_large", 413, "http_request_error", 8, false},
    {"uri_too_long", 414, "http_request_error", 13, false},
    {"headers_too_large", 431, "http_request_error", 13, false},
    {"expectation_failed", 417, "http_request_error", 13, false},
    {"misdirected", 421, "http_request_error", 13, false},
    {"rate_limited", 429, "http_request_denied", 8, true},
    {"concurrency_limited", 429, "http_request_denied", 8, true},
    {"client_closed", 499, "http_request_error", 1, false},
    {"internal", 500, "proxy_internal_error", 13, false},
    {"not_implemented", 501, "http_request_error", 12, false},
    {"version_not_supported", 505, "http_request_error", 12, false},
    {"connect_failed", 502, "connection_refused", 14, false},
    {"upstream_reset", 502, "connection_terminated", 14, false},
    {"upstream_bad_response", 502, "http_protocol_error", 14, false},
    {"upstream_incomplete", 502, "http_response_incomplete", 14, false},
    {"upstream_headers_too_large", 502, "http_response_header_section_size", 14, false},
    {"upstream_tls_failed", 502, "tls_protocol_error", 14, false},
    {"proxy_loop", 502, "proxy_loop_detected", 14, false},
    {"no_healthy_endpoint", 503, "destination_unavailable", 14, true},
    {"circuit_open", 503, "destination_unavailable", 14, true},
    {"pool_full", 503, "connection_limit_reached", 14, true},
    {"overloaded", 503, "proxy_internal_response", 14, true},
    {"shed", 503, "proxy_internal_response", 14, true},
    {"draining", 503, "proxy_internal_response", 14, true},
    {"auth_unavailable", 503, "destination_unavailable", 14, true},
    {"keys_unavailable", 503, "destination_unavailable", 14, true},
    {"connect_timeout", 504, "connection_timeout", 14, false},
    {"request_timeout", 504, "http_response_timeout", 4, false},
    {"try_timeout", 504, "http_response_timeout", 4, false},
}};
static_assert(table.back().name == "try_timeout");

}  // namespace

const ReasonInfo& info(Reason reason) noexcept { return table[static_cast<std::size_t>(reason)]; }

std::optional<Reason> reason_from_name(std::string_view name) noexcept {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table[i].name == name) return static_cast<Reason>(i);
  }
  return std::nullopt;
}

std::string_view status_phrase(int status) noexcept {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 207:
      return "Multi-Status";
    case 208:
      return "Already Reported";
    case 226:
      return "IM Used";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 305:
      return "Use Proxy";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 407:
      return "Proxy Authentication Required";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 418:
      return "I'm a teapot";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 423:
      return "Locked";
    case 424:
      return "Failed Dependency";
    case 425:
      return "Too Early";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 506:
      return "Variant Also Negotiates";
    case 507:
      return "Insufficient Storage";
    case 508:
      return "Loop Detected";
    case 510:
      return "Not Extended";
    case 511:
      return "Network Authentication Required";
    default:
      return "";
  }
}

}  // namespace weir
