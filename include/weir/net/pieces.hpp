// Bytes in several places that go out in one call, and what is left of them when it took a part.
// Pure; any thread.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string_view>

namespace weir::net {

// What is written, not changed, for all that iovec says.
inline iovec piece(std::string_view text) noexcept {
  return {const_cast<char*>(text.data()), text.size()};
}
inline iovec piece(std::span<const std::byte> bytes) noexcept {
  return {const_cast<std::byte*>(bytes.data()), bytes.size()};
}

// `pieces` without its first `done` bytes; the first piece that is left is changed in place.
// REQUIRES: they are no more than all.
inline std::span<iovec> without_first(std::span<iovec> pieces, std::size_t done) noexcept {
  while (!pieces.empty() && done >= pieces.front().iov_len) {
    done -= pieces.front().iov_len;
    pieces = pieces.subspan(1);
  }
  if (done != 0) {
    pieces.front().iov_base = static_cast<std::byte*>(pieces.front().iov_base) + done;
    pieces.front().iov_len -= done;
  }
  return pieces;
}

}  // namespace weir::net
