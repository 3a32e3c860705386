#include "codec/h1/content_reader.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace weir::codec::h1 {

Bytes ContentReader::take(Input& input) noexcept {
  if (!pending_.empty()) return std::exchange(pending_, next_chunk(input));
  if (ended_ || failed()) return {};
  switch (framing_) {
    case Framing::none:
      return {};
    case Framing::length: {
      const std::string_view bytes = input.bytes();
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), remaining_));
      input.consume(size);
      remaining_ -= size;
      ended_ = remaining_ == 0;
      return as_bytes(bytes.substr(0, size));
    }
    case Framing::until_close: {
      const std::string_view bytes = input.bytes();
      input.consume(bytes.size());
      return as_bytes(bytes);
    }
    case Framing::chunked:
      break;
  }
  const Bytes piece = next_chunk(input);
  // The last chunk often stands right behind the data: seen now, both go out in one write.
  if (!piece.empty()) pending_ = next_chunk(input);
  return piece;
}

Bytes ContentReader::next_chunk(Input& input) noexcept {
  try {
    while (!ended_ && !failed() && !input.empty()) {
      auto step = chunked_.next(input.bytes());
      if (!step) {
        failure_ = std::move(step.error());
        break;
      }
      input.consume(step->consumed);
      ended_ = chunked_.done();
      if (!step->data.empty()) return as_bytes(step->data);
      if (step->consumed == 0) break;
    }
  } catch (const std::bad_alloc&) {
    // For its trailers. So short a text takes none.
    starved_ = true;
    failure_ = "out of memory";
  }
  return {};
}

bool ContentReader::end_of_input() noexcept {
  ended_ = ended_ || framing_ == Framing::until_close;
  return ended_;
}

std::size_t ContentReader::wanted_block(const Input& input) const noexcept {
  if (framing_ == Framing::length) {
    return remaining_ <= BufferPool::small_size ? BufferPool::small_size : BufferPool::large_size;
  }
  return input.was_full() ? BufferPool::large_size : BufferPool::small_size;
}

}  // namespace weir::codec::h1
