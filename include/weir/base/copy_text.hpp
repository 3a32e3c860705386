// Copies short texts in place: most of what a head or a log line is made of has fewer than 32
// bytes, for which a call of memcpy is most of the work.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace weir {

// Returns the end of the copy. REQUIRES: room for `text` at `out`, which does not overlap it.
inline char* copy_text(char* out, std::string_view text) noexcept {
  const char* const in = text.data();
  const std::size_t size = text.size();
  // Two pieces, which may overlap.
  const auto ends = [&]<std::size_t n>(std::integral_constant<std::size_t, n>) {
    struct {
      unsigned char bytes[n];
    } first, last;
    std::memcpy(&first, in, n);
    std::memcpy(&last, in + size - n, n);
    std::memcpy(out, &first, n);
    std::memcpy(out + size - n, &last, n);
    return out + size;
  };
  if (size > 32) [[unlikely]] {
    std::memcpy(out, in, size);
    return out + size;
  }
  if (size >= 16) return ends(std::integral_constant<std::size_t, 16>{});
  if (size >= 8) return ends(std::integral_constant<std::size_t, 8>{});
  if (size >= 4) return ends(std::integral_constant<std::size_t, 4>{});
  if (size == 0) return out;
  // First, middle and last are all there are.
  const char middle = in[size / 2];
  const char last = in[size - 1];
  out[0] = in[0];
  out[size / 2] = middle;
  out[size - 1] = last;
  return out + size;
}

}  // namespace weir
