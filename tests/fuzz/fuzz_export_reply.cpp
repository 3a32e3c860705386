// What a collector answers to an export of spans.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tracing/export_reply.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto reply = weir::tracing::parse_export_reply({reinterpret_cast<const char*>(data), size});
  if (reply.message.size() > 200 || reply.rejected > static_cast<std::uint64_t>(INT64_MAX)) {
    std::abort();
  }
  for (const char c : reply.message) {
    if (c < ' ' || c > '~') std::abort();
  }
  return 0;
}
