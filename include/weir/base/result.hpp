// Error values: what went wrong, whose fault it was, and a detail for the log. Below `proxy`
// everything that can fail returns Result; exceptions are for start-up and bad_alloc.
#pragma once

#include <expected>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "weir/base/reason.hpp"

namespace weir {

enum class Side : std::uint8_t { downstream, upstream, internal };

struct Error {
  Reason reason = Reason::internal;
  Side side = Side::internal;
  std::string detail;  // for the log; in an answer only where the client itself caused it
  // Registered Proxy-Status error type where it is not the reason's own; a literal.
  std::string_view proxy_error{};
  // What a client is told of a 5xx where it is not the reason's own sentence; a literal, which
  // names no address.
  std::string_view sentence{};
};

template <class T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Reason reason, Side side, std::string detail = {}) {
  return std::unexpected<Error>(Error{reason, side, std::move(detail), {}});
}

// Where nothing may be thrown: an error whose detail is `detail` with `more` behind it, or has none
// if there is no memory for that.
inline Error error_of(Reason reason, Side side, std::string_view detail,
                      std::string_view more = {}) noexcept {
  Error out{reason, side, {}};
  try {
    out.detail = detail;
    out.detail += more;
  } catch (const std::bad_alloc&) {
    out.detail.clear();  // the reason says enough
  }
  return out;
}

}  // namespace weir
