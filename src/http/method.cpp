#include "weir/http/method.hpp"

#include <array>

namespace weir {
namespace {
constexpr std::array<std::string_view, method_count> labels{
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "_OTHER"};
}

Method parse_method(std::string_view text) noexcept {
  for (unsigned i = 0; i + 1 < method_count; ++i) {
    if (labels[i] == text) return static_cast<Method>(i);
  }
  return Method::other;
}

std::string_view method_label(Method method) noexcept {
  return labels[static_cast<unsigned>(method)];
}

bool is_safe(Method method) noexcept {
  return method == Method::get || method == Method::head || method == Method::options ||
         method == Method::trace;
}

bool is_idempotent(Method method) noexcept {
  return is_safe(method) || method == Method::put || method == Method::delete_;
}

}  // namespace weir
