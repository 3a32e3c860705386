#include "upstream/connect_cause.hpp"

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "weir/base/errno_name.hpp"

namespace weir::upstream {

std::string cause_of(const Error& error) {
  switch (info(error.reason).try_result) {
    case TryResult::connect_timeout:
      return "timed out";
    case TryResult::tls_failed:
      return "TLS failed";
    case TryResult::reset:
    case TryResult::bad_response:
      return "HTTP/2 failed";
    case TryResult::ok:
    case TryResult::client_gone:
    case TryResult::connect_failed:
    case TryResult::timeout:
    case TryResult::hedge_lost:
    case TryResult::end:
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
