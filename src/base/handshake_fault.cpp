#include "weir/base/handshake_fault.hpp"

#include <array>

namespace weir {

std::string_view name(HandshakeFault fault) noexcept {
  constexpr std::array<std::string_view, handshake_fault_count> names{"closed",
                                                                      "timeout",
                                                                      "plain_http",
                                                                      "not_tls",
                                                                      "version",
                                                                      "algorithms",
                                                                      "alpn",
                                                                      "certificate_missing",
                                                                      "certificate_refused",
                                                                      "alert",
                                                                      "other"};
  return names[static_cast<std::size_t>(fault)];
}

}  // namespace weir
