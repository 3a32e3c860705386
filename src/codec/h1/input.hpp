// What has arrived on a connection and was not used yet. Holds a borrowed block only while there is
// something in it. Worker thread; the stream outlives it.
#pragma once

#include <string_view>

#include "weir/base/buffer.hpp"
#include "weir/net/stream.hpp"

namespace weir::codec::h1 {

class Input {
 public:
  explicit Input(net::Stream& stream) noexcept : stream_(&stream) {}

  std::string_view bytes() const noexcept {
    return {reinterpret_cast<const char*>(buffer_.data()) + begin_, end_ - begin_};
  }
  bool empty() const noexcept { return begin_ == end_; }
  // Forgets the first `count` bytes; they stay where they are until the next fill().
  void consume(std::size_t count) noexcept { begin_ += count; }
  // Reads what is there behind what is left, without waiting: ok, would_block, eof or error. Takes
  // a block of `wanted` bytes when it has none or it is empty, and a larger one when it is full.
  net::Io fill(std::size_t wanted = BufferPool::small_size) {
    if (stream_->readable() || !stream_->is_open()) return read(wanted);
    was_full_ = false;
    return net::Io::would_block;
  }
  // Keeps what is left in a block of about its size, for a long wait for more of it.
  void fit();
  // Bytes of the block it has.
  std::size_t held() const noexcept { return buffer_.size(); }
  // Gives the block back. REQUIRES: empty().
  void release() noexcept {
    buffer_.release();
    begin_ = end_ = 0;
  }
  net::Stream& stream() noexcept { return *stream_; }
  // The last fill() filled all the room there was: more is likely to be there.
  bool was_full() const noexcept { return was_full_; }

 private:
  net::Io read(std::size_t wanted);

  net::Stream* stream_;
  Buffer buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool was_full_ = false;
  bool fitted_ = false;  // the block has little room
};

}  // namespace weir::codec::h1
