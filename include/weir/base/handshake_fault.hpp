// Why a client's TLS handshake failed, in few words: the label of a metric and the cause in the
// log. Pure data; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir {

enum class HandshakeFault : std::uint8_t {
  closed,               // the client closed the connection, or the gateway ends
  timeout,              // handshake_timeout
  plain_http,           // an HTTP request without TLS
  not_tls,              // other bytes that are no TLS record
  version,              // no TLS version in common
  algorithms,           // no cipher, group or signature algorithm in common
  alpn,                 // no protocol in common
  certificate_missing,  // the client sent no certificate where one is required
  certificate_refused,  // the client's certificate was not accepted
  alert,                // the client sent an alert: it does not like our certificate
  other,
};
inline constexpr std::size_t handshake_fault_count =
    static_cast<std::size_t>(HandshakeFault::other) + 1;

std::string_view name(HandshakeFault fault) noexcept;

}  // namespace weir
