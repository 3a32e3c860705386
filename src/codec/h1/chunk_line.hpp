// The line that stands before a chunk (RFC 9112 section 7.1).
#pragma once

#include <cstddef>
#include <string_view>

namespace weir::codec::h1 {

class ChunkLine {
 public:
  explicit ChunkLine(std::size_t size) noexcept {
    constexpr std::string_view digits = "0123456789abcdef";
    *--at_ = '\n';
    *--at_ = '\r';
    do {
      *--at_ = digits[size & 15];
      size >>= 4;
    } while (size != 0);
  }
  ChunkLine(const ChunkLine&) = delete;
  ChunkLine& operator=(const ChunkLine&) = delete;
  std::string_view text() const noexcept {
    return {at_, static_cast<std::size_t>(text_ + sizeof text_ - at_)};
  }

 private:
  char text_[20];
  char* at_ = text_ + sizeof text_;
};

}  // namespace weir::codec::h1
