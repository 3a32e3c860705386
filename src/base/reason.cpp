#include "weir/base/reason.hpp"

#include <iterator>

namespace weir {
namespace {

// In the order of the enumeration.
constexpr ReasonInfo table[] = {
    {Reason::none, "none", 200, "", 0, false, TryResult::ok, ""},
    {Reason::bad_request, "bad_request", 400, "http_request_error", 13, false,
     TryResult::client_gone, ""},
    {Reason::credentials_missing, "credentials_missing", 401, "http_request_denied", 16, false,
     TryResult::client_gone, ""},
    {Reason::credentials_invalid, "credentials_invalid", 401, "http_request_denied", 16, false,
     TryResult::client_gone, ""},
    {Reason::token_missing, "token_missing", 401, "http_request_denied", 16, false,
     TryResult::client_gone, ""},
    {Reason::token_invalid, "token_invalid", 401, "http_request_denied", 16, false,
     TryResult::client_gone, ""},
    {Reason::token_expired, "token_expired", 401, "http_request_denied", 16, false,
     TryResult::client_gone, ""},
    {Reason::insufficient_scope, "insufficient_scope", 403, "http_request_denied", 7, false,
     TryResult::client_gone, ""},
    {Reason::claim_mismatch, "claim_mismatch", 403, "http_request_denied", 7, false,
     TryResult::client_gone, ""},
    {Reason::auth_denied, "auth_denied", 403, "http_request_denied", 7, false,
     TryResult::client_gone, ""},
    {Reason::ip_denied, "ip_denied", 403, "http_request_denied", 7, false, TryResult::client_gone,
     ""},
    {Reason::no_route, "no_route", 404, "http_request_error", 12, false, TryResult::client_gone,
     ""},
    {Reason::method_not_allowed, "method_not_allowed", 405, "http_request_error", 12, false,
     TryResult::client_gone, ""},
    {Reason::client_timeout, "client_timeout", 408, "http_request_error", 4, false,
     TryResult::client_gone, ""},
    {Reason::body_too_large, "body_too_large", 413, "http_request_error", 8, false,
     TryResult::client_gone, ""},
    {Reason::uri_too_long, "uri_too_long", 414, "http_request_error", 13, false,
     TryResult::client_gone, ""},
    {Reason::headers_too_large, "headers_too_large", 431, "http_request_error", 13, false,
     TryResult::client_gone, ""},
    {Reason::expectation_failed, "expectation_failed", 417, "http_request_error", 13, false,
     TryResult::client_gone, ""},
    {Reason::misdirected, "misdirected", 421, "http_request_error", 13, false,
     TryResult::client_gone, ""},
    {Reason::rate_limited, "rate_limited", 429, "http_request_denied", 8, true,
     TryResult::client_gone, ""},
    {Reason::concurrency_limited, "concurrency_limited", 429, "http_request_denied", 8, true,
     TryResult::client_gone, ""},
    {Reason::client_closed, "client_closed", 499, "http_request_error", 1, false,
     TryResult::client_gone, ""},
    {Reason::internal, "internal", 500, "proxy_internal_error", 13, false, TryResult::client_gone,
     ""},
    {Reason::not_implemented, "not_implemented", 501, "http_request_error", 12, false,
     TryResult::client_gone, ""},
    {Reason::version_not_supported, "version_not_supported", 505, "http_request_error", 12, false,
     TryResult::client_gone, ""},
    {Reason::connect_failed, "connect_failed", 502, "connection_refused", 14, false,
     TryResult::connect_failed, "no connection to the upstream could be made"},
    {Reason::upstream_reset, "upstream_reset", 502, "connection_terminated", 14, false,
     TryResult::reset, "the upstream closed the connection before its answer"},
    {Reason::upstream_bad_response, "upstream_bad_response", 502, "http_protocol_error", 14, false,
     TryResult::bad_response, "the upstream's answer is malformed"},
    {Reason::upstream_incomplete, "upstream_incomplete", 502, "http_response_incomplete", 14, false,
     TryResult::reset, "the upstream's answer ended early"},
    {Reason::upstream_headers_too_large, "upstream_headers_too_large", 502,
     "http_response_header_section_size", 14, false, TryResult::bad_response,
     "the head of the upstream's answer is too large"},
    {Reason::upstream_tls_failed, "upstream_tls_failed", 502, "tls_protocol_error", 14, false,
     TryResult::tls_failed, "the TLS handshake with the upstream failed"},
    {Reason::proxy_loop, "proxy_loop", 502, "proxy_loop_detected", 14, false,
     TryResult::client_gone, "the request came back to this gateway"},
    {Reason::no_healthy_endpoint, "no_healthy_endpoint", 503, "destination_unavailable", 14, true,
     TryResult::client_gone, "the upstream has no endpoint that takes requests"},
    {Reason::circuit_open, "circuit_open", 503, "destination_unavailable", 14, true,
     TryResult::client_gone, "the circuit breaker of the upstream is open"},
    {Reason::pool_full, "pool_full", 503, "connection_limit_reached", 14, true,
     TryResult::client_gone, "all connections of the upstream are in use"},
    {Reason::overloaded, "overloaded", 503, "proxy_internal_response", 14, true,
     TryResult::client_gone, "the gateway is overloaded"},
    {Reason::shed, "shed", 503, "proxy_internal_response", 14, true, TryResult::client_gone,
     "the gateway is overloaded"},
    {Reason::draining, "draining", 503, "proxy_internal_response", 14, true, TryResult::client_gone,
     "the gateway is shutting down"},
    {Reason::auth_unavailable, "auth_unavailable", 503, "destination_unavailable", 14, true,
     TryResult::client_gone, "the authorization server gave no answer"},
    {Reason::keys_unavailable, "keys_unavailable", 503, "destination_unavailable", 14, true,
     TryResult::client_gone, "the keys for tokens could not be fetched"},
    {Reason::connect_timeout, "connect_timeout", 504, "connection_timeout", 14, false,
     TryResult::connect_timeout, "the upstream did not accept a connection in time"},
    {Reason::request_timeout, "request_timeout", 504, "http_response_timeout", 4, false,
     TryResult::timeout, "the upstream did not answer in time"},
    {Reason::try_timeout, "try_timeout", 504, "http_response_timeout", 4, false, TryResult::timeout,
     "the upstream did not answer in time"},
};

// In the order of the enumeration.
struct TryResultName {
  TryResult result;
  std::string_view name;
};
constexpr TryResultName try_result_names[] = {
    {TryResult::ok, "ok"},
    {TryResult::client_gone, "client_gone"},
    {TryResult::connect_failed, "connect_failed"},
    {TryResult::connect_timeout, "connect_timeout"},
    {TryResult::reset, "reset"},
    {TryResult::bad_response, "bad_response"},
    {TryResult::tls_failed, "tls_failed"},
    {TryResult::timeout, "timeout"},
    {TryResult::hedge_lost, "hedge_lost"},
};

// Each reason has its row, and a row has what its status asks for.
consteval bool is_complete() {
  if (std::size(table) != reason_count) return false;
  for (std::size_t i = 0; i < reason_count; ++i) {
    const ReasonInfo& row = table[i];
    if (row.reason != static_cast<Reason>(i) || row.name.empty()) return false;
    if (row.reason == Reason::none) continue;
    if (row.status < 400 || row.proxy_error.empty() || row.grpc_status == 0) return false;
    if (row.try_result == TryResult::ok) return false;
    if (row.retry_after != (row.status == 429 || row.status == 503)) return false;
    if (row.status >= 502 && row.status <= 504 && row.sentence.empty()) return false;
  }
  return true;
}
static_assert(is_complete(), "a reason has no row, a row is out of order, or it misses something");

consteval bool has_each_try_result() {
  if (std::size(try_result_names) != try_result_count) return false;
  for (std::size_t i = 0; i < try_result_count; ++i) {
    if (try_result_names[i].result != static_cast<TryResult>(i)) return false;
  }
  return true;
}
static_assert(has_each_try_result());

}  // namespace

const ReasonInfo& info(Reason reason) noexcept { return table[static_cast<std::size_t>(reason)]; }

std::optional<Reason> reason_from_name(std::string_view name) noexcept {
  for (const ReasonInfo& row : table) {
    if (row.name == name) return row.reason;
  }
  return std::nullopt;
}

std::string_view name(TryResult result) noexcept {
  return try_result_names[static_cast<std::size_t>(result)].name;
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
