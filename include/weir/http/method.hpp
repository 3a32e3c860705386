// Request methods, RFC 9110 section 9. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

enum class Method : std::uint8_t {
  get,
  head,
  post,
  put,
  delete_,
  connect,
  options,
  trace,
  patch,
  other,  // any other token; its text stands in the head
};
inline constexpr unsigned method_count = static_cast<unsigned>(Method::other) + 1;

// Case matters: "get" is Method::other.
Method parse_method(std::string_view text) noexcept;
// "GET" ... and "_OTHER", the metric label of the unknown ones.
std::string_view method_label(Method method) noexcept;
// RFC 9110 section 9.2.1 and 9.2.2; an unknown method is neither.
bool is_safe(Method method) noexcept;
bool is_idempotent(Method method) noexcept;

}  // namespace weir
