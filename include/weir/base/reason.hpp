// Why Weir answered itself, refused or gave up: one enumeration for the problem body, Proxy-Status,
// the access log and the metric label, and the one table that says what each reason means on the
// wire. Pure data; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir {

enum class Reason : std::uint8_t {
  none,  // the answer is the upstream's, or an ordinary one of ours (redirect, respond)
  bad_request,
  credentials_missing,
  credentials_invalid,
  token_missing,
  token_invalid,
  token_expired,
  insufficient_scope,
  claim_mismatch,
  auth_denied,
  ip_denied,
  no_route,
  method_not_allowed,
  client_timeout,
  body_too_large,
  uri_too_long,
  headers_too_large,
  expectation_failed,
  misdirected,
  rate_limited,
  concurrency_limited,
  client_closed,  // 499: log and metrics only
  internal,
  not_implemented,
  version_not_supported,
  connect_failed,
  upstream_reset,
  upstream_bad_response,
  upstream_incomplete,  // after the head: log only
  upstream_headers_too_large,
  upstream_tls_failed,
  proxy_loop,
  no_healthy_endpoint,
  circuit_open,
  pool_full,
  overloaded,
  shed,
  draining,
  auth_unavailable,
  keys_unavailable,
  connect_timeout,
  request_timeout,
  try_timeout,
  end,  // no reason: one behind the last
};

inline constexpr std::size_t reason_count = static_cast<std::size_t>(Reason::end);

// How a try at an endpoint ended: a label of the upstream metrics and of the access log's tries.
enum class TryResult : std::uint8_t {
  ok,
  client_gone,
  connect_failed,
  connect_timeout,
  reset,
  bad_response,
  tls_failed,
  timeout,
  hedge_lost,  // another try of the request had the first head
  end,         // no result: one behind the last
};

inline constexpr std::size_t try_result_count = static_cast<std::size_t>(TryResult::end);

// All that is known of a reason. Every member is told in each row of the table in reason.cpp.
struct ReasonInfo {
  Reason reason;
  std::string_view name;         // as in logs, metrics and bodies
  int status;                    // HTTP status of the answer; 499 is never sent
  std::string_view proxy_error;  // registered Proxy-Status error type, RFC 9209 section 2.3
  int grpc_status;
  bool retry_after;      // the answer carries Retry-After
  TryResult try_result;  // of a try that ended so; client_gone: it was not the upstream's doing
  // What clients and the access log are told where there is no better detail; it names no address.
  // Every answer of 502, 503 and 504 has one; "" for none.
  std::string_view sentence;
};

// The row of `reason`. Lives as long as the process.
const ReasonInfo& info(Reason reason) noexcept;

inline std::string_view name(Reason reason) noexcept { return info(reason).name; }
inline int status_of(Reason reason) noexcept { return info(reason).status; }

// The reason of that name, as in configuration and tests.
std::optional<Reason> reason_from_name(std::string_view name) noexcept;

// The label of `result`: "connect_failed". A literal.
std::string_view name(TryResult result) noexcept;

// The status phrase of RFC 9110 section 15 and its registry, "" for an unknown one.
std::string_view status_phrase(int status) noexcept;

}  // namespace weir
