#include "upstream/connect_cause.hpp"

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "weir/base/errno_name.hpp"

namespace weir::upstream {

std::string cause_of(const Error& error) {
  switch (error.reason) {
    case Reason::connect_timeout:
      return "timed out";
    case Reason::upstream_tls_failed:
      return "TLS failed";
    case Reason::upstream_reset:
    case Reason::upstream_bad_response:
      return "HTTP/2 failed";
    default:
      break;
  }
  static constexpr std::array<std::pair<int, std::string_view>, 10> words{{
      {ECONNREFUSED, "refused"},
      {ETIMEDOUT, "timed out"},
      {EHOSTUNREACH, "no route to host"},
      {ENETUNREACH, "network unreachable"},
      {ECONNRESET, "reset"},
      {ENOENT, "no such socket"},
      {EACCES, "not permitted"},
      {EPERM, "not permitted"},
      {EAGAIN, "queue full"},  // of a unix socket
      {EADDRNOTAVAIL, "no local port left"},
  }};
  for (const auto& [number, word] : words) {
    if (error.detail == errno_name(number)) return std::string(word);
  }
  return error.detail;
}

}  // namespace weir::upstream
