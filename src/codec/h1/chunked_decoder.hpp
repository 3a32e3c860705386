// Chunked content (RFC 9112 section 7.1), strictly: CRLF only, at most 16 hex digits, extensions
// skipped within a bound, trailers kept apart from the head. Pure; any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "codec/h1/head_parser.hpp"
#include "weir/config/model.hpp"
#include "weir/http/header_map.hpp"

namespace weir::codec::h1 {

class ChunkedDecoder {
 public:
  // `underscores`: what happens to trailers with one in their name; an answer's are kept, as in its
  // head. `lenient`: which faults are forgiven, those of answers alone.
  explicit ChunkedDecoder(Underscores underscores = Underscores::keep,
                          config::Lenient lenient = {}) noexcept
      : underscores_(underscores), lenient_(lenient) {}

  struct Step {
    std::size_t consumed = 0;  // bytes of the input that are done with, framing included
    std::string_view data;     // content within the consumed bytes; "" when only framing was there
  };

  // Looks at the front of `bytes`: whole size and trailer lines (of at most 4 KiB) and what is
  // there of one chunk's data, with the framing before and behind it; consumed 0 and not done()
  // means: more is needed. Fails with a detail.
  std::expected<Step, std::string> next(std::string_view bytes);
  bool done() const noexcept { return state_ == State::done; }
  // Only fields that may be trailers: framing, routing, authentication and the like were dropped.
  // Filled when done().
  HeaderMap& trailers() noexcept { return trailers_; }
  const HeaderMap& trailers() const noexcept { return trailers_; }
  // Which faults were forgiven.
  config::Lenient forgiven() const noexcept { return forgiven_; }

 private:
  enum class State : std::uint8_t { size, data, data_end, trailer, done };

  // Each reads one state's line off the front and moves on: bytes consumed, 0 if more is needed.
  std::expected<std::size_t, std::string> read_size(std::string_view bytes);
  std::expected<std::size_t, std::string> read_data_end(std::string_view bytes);
  std::expected<std::size_t, std::string> read_trailers(std::string_view bytes);

  // How long the end of a line at the front of `bytes` is: 0 if more is needed, nothing if there is
  // none.
  std::optional<std::size_t> line_end(std::string_view bytes) noexcept;

  Underscores underscores_;
  config::Lenient lenient_;
  config::Lenient forgiven_;
  State state_ = State::size;
  std::uint64_t remaining_ = 0;  // of the chunk
  std::size_t extension_bytes_ = 0;
  HeadProgress trailer_at_;
  HeaderMap trailers_;
};

}  // namespace weir::codec::h1
