// Takes a message's content out of what has arrived, by its framing: pieces in, framing dropped,
// nothing copied. A piece stays where it is until the input is filled again. Worker thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "codec/h1/chunked_decoder.hpp"
#include "codec/h1/input.hpp"
#include "weir/http/body.hpp"
#include "weir/http/head.hpp"

namespace weir::codec::h1 {

class ContentReader {
 public:
  // No content before begin(). `lenient`: which faults of chunks are forgiven.
  explicit ContentReader(config::Lenient lenient = {}) noexcept
      : chunked_(Underscores::keep, lenient) {}
  ContentReader(Framing framing, std::uint64_t length,
                Underscores underscores = Underscores::keep) noexcept
      : chunked_(underscores) {
    begin(framing, length);
  }
  // Reads such a content from now on. REQUIRES: nothing was taken before.
  void begin(Framing framing, std::uint64_t length) noexcept {
    framing_ = framing;
    length_ = remaining_ = length;
    ended_ = framing == Framing::none || (framing == Framing::length && length == 0);
  }

  // The next piece that is here; empty when more must come, or when ended() or failed().
  Bytes take(Input& input) noexcept;
  // The content's end has been seen; after the last piece was taken it is complete.
  bool ended() const noexcept { return ended_ && pending_.empty(); }
  bool failed() const noexcept { return !failure_.empty(); }
  const std::string& failure() const noexcept { return failure_; }
  // It failed for want of memory, not for what was sent.
  bool starved() const noexcept { return starved_; }
  // The connection ended: true when that is how this content ends.
  bool end_of_input() noexcept;

  std::optional<std::uint64_t> length() const noexcept {
    if (framing_ != Framing::length) return std::nullopt;
    return length_;
  }
  const HeaderMap& trailers() const noexcept { return chunked_.trailers(); }
  HeaderMap& trailers() noexcept { return chunked_.trailers(); }
  config::Lenient forgiven() const noexcept { return chunked_.forgiven(); }
  // How large a block to read into: larger ones for a content that is long.
  std::size_t wanted_block(const Input& input) const noexcept;

 private:
  Bytes next_chunk(Input& input) noexcept;

  Framing framing_ = Framing::none;
  std::uint64_t length_ = 0;
  std::uint64_t remaining_ = 0;
  ChunkedDecoder chunked_;
  Bytes pending_;  // read ahead while looking for the end
  bool ended_ = true;
  bool starved_ = false;
  std::string failure_;
};

}  // namespace weir::codec::h1
