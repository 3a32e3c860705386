// Bytes in several places that go out in one call, and what is left of them when it took a part.
// Pure; any thread.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>

namespace weir::net {

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
