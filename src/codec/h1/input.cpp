#include "codec/h1/input.hpp"

#include <cstring>
#include <utility>

namespace weir::codec::h1 {

net::Io Input::fill(std::size_t wanted) {
  if (!stream_->readable() && stream_->is_open()) {
    was_full_ = false;
    return net::Io::would_block;
  }
  BufferPool& pool = stream_->loop().buffers();
  if (empty()) {
    begin_ = end_ = 0;
    if (buffer_.size() < wanted) buffer_ = pool.borrow(wanted);
  } else if (begin_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  if (end_ == buffer_.size()) {
    Buffer larger = pool.borrow(buffer_.size() * 2);
    std::memcpy(larger.data(), buffer_.data(), end_);
    buffer_ = std::move(larger);
  }
  const net::IoResult result = stream_->try_read(buffer_.span().subspan(end_));
  was_full_ = result.bytes == buffer_.size() - end_;
  end_ += result.bytes;
  return result.status;
}

}  // namespace weir::codec::h1
