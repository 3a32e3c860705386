#include "codec/h1/input.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir::codec::h1 {

net::Io Input::read(std::size_t wanted) {
  if (empty()) {
    begin_ = end_ = 0;
    fitted_ = false;
  } else if (begin_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  if (end_ != 0 && (end_ == buffer_.size() || fitted_)) {
    const std::size_t room = fitted_ ? BufferPool::small_size / 2 : buffer_.size();
    Buffer larger = stream_->loop().buffers().borrow(std::max(end_ + room, wanted));
    fitted_ = false;
    std::memcpy(larger.data(), buffer_.data(), end_);
    buffer_ = std::move(larger);
  }
  const net::IoResult result = stream_->try_read(buffer_, end_, wanted);
  was_full_ = result.bytes == buffer_.size() - end_;
  end_ += result.bytes;
  return result.status;
}

void Input::fit() {
  constexpr std::size_t step = 512;
  if (empty()) return release();
  const std::size_t left = end_ - begin_;
  const std::size_t size = (left + step - 1) / step * step;
  if (size >= buffer_.size()) return;
  Buffer fitting = stream_->loop().buffers().borrow_exactly(size);
  std::memcpy(fitting.data(), buffer_.data() + begin_, left);
  buffer_ = std::move(fitting);
  begin_ = 0;
  end_ = left;
  fitted_ = true;
}

}  // namespace weir::codec::h1
