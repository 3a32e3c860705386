// Heads to bytes. Everything in a head was checked when it was parsed or loaded: nothing is
// escaped here. Worker thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/base/buffer.hpp"
#include "weir/base/copy_text.hpp"
#include "weir/http/head.hpp"

namespace weir::codec::h1 {

// Appends into a borrowed block, taking a larger one when it is full.
class HeadWriter {
 public:
  // Enough for most heads.
  using Scratch = std::array<char, 2048>;

  explicit HeadWriter(BufferPool& pool, std::size_t expected = BufferPool::small_size)
      : pool_(pool),
        buffer_(pool.borrow(expected)),
        data_(begin_of(buffer_)),
        size_(buffer_.size()) {}
  // Borrows only what `scratch`, which outlives it, is too small for.
  HeadWriter(BufferPool& pool, Scratch& scratch) noexcept
      : pool_(pool), data_(scratch.data()), size_(scratch.size()) {}
  HeadWriter(const HeadWriter&) = delete;
  HeadWriter& operator=(const HeadWriter&) = delete;

  void append(std::string_view text) {
    if (size_ - used_ < text.size()) grow(text.size());
    copy_text(data_ + used_, text);
    used_ += text.size();
  }
  void append(std::uint64_t number);
  void field(std::string_view name, std::string_view value);
  // All fields but those of the message's framing, which the codec writes itself.
  void fields(const HeaderMap& headers);

  std::string_view text() const noexcept { return {data_, used_}; }

 private:
  static char* begin_of(Buffer& buffer) noexcept { return reinterpret_cast<char*>(buffer.data()); }
  void grow(std::size_t more);

  BufferPool& pool_;
  Buffer buffer_;
  char* data_;
  std::size_t size_;
  std::size_t used_ = 0;
};

// "GET /x?y HTTP/1.1" and Host; the target is path and query, or "*".
void write_request_line(HeadWriter& out, const RequestHead& head);
void write_status_line(HeadWriter& out, int status, std::string_view phrase);

}  // namespace weir::codec::h1
