#include "codec/h2/inbound_content.hpp"

#include <algorithm>
#include <cstring>

#include "weir/net/loop.hpp"

namespace weir::codec::h2 {

void InboundContent::append(Bytes content) {
  if (discarded_) return;
  queued_ += content.size();
  if (first_ >= 16) {
    blocks_.erase(blocks_.begin(), blocks_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  while (!content.empty()) {
    if (first_ == blocks_.size() || blocks_.back().end == blocks_.back().buffer.size()) {
      // What outgrows one block is a long upload: larger pieces for its reader.
      const std::size_t size = first_ == blocks_.size() && queued_ <= BufferPool::small_size
                                   ? BufferPool::small_size
                                   : 4 * BufferPool::small_size;
      blocks_.push_back({loop_.buffers().borrow(size)});
    }
    Block& last = blocks_.back();
    const std::size_t count = std::min(content.size(), last.buffer.size() - last.end);
    std::memcpy(last.buffer.data() + last.end, content.data(), count);
    last.end += count;
    content = content.subspan(count);
  }
  wake();
}

void InboundContent::end() noexcept {
  ended_ = true;
  wake();
}

Bytes InboundContent::take() noexcept {
  // What was handed out before is done with.
  while (first_ != blocks_.size() && blocks_[first_].begin == blocks_[first_].end) {
    blocks_[first_++].buffer.release();
  }
  if (first_ == blocks_.size()) {
    blocks_.clear();
    first_ = 0;
    return {};
  }
  Block& block = blocks_[first_];
  const Bytes piece{block.buffer.data() + block.begin, block.end - block.begin};
  block.begin = block.end;
  queued_ -= piece.size();
  return piece;
}

void InboundContent::discard() noexcept {
  discarded_ = true;
  blocks_.clear();
  first_ = 0;
  queued_ = 0;
}

}  // namespace weir::codec::h2
