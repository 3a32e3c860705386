// The strict parser of HTTP/1 heads (RFC 9112): the only one that reads them, so nobody can
// disagree with it. It decides the framing, and refuses whatever two implementations might read
// differently. Pure: bytes in, head out; any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "weir/base/reason.hpp"
#include "weir/http/head.hpp"

namespace weir::codec::h1 {

enum class Underscores : std::uint8_t { reject, drop, keep };

struct HeadLimits {
  std::size_t uri_size = 16 * 1024;     // bytes of the request target
  std::size_t header_size = 60 * 1024;  // request line and fields, each + 32
  std::size_t header_count = 100;
  Underscores underscores = Underscores::reject;  // requests only
};

struct Refusal {
  Reason reason = Reason::bad_request;
  std::string detail;  // names the offending field or part
};

// Bytes of the head including its empty line, or 0: more is needed.
using Consumed = std::expected<std::size_t, Refusal>;

// Parses a request head from the start of a message. Call again with the same bytes and more behind
// them while it answers 0; what was looked at before is not scanned again. One object a message.
class RequestHeadParser {
 public:
  explicit RequestHeadParser(const HeadLimits& limits) noexcept : limits_(limits) {}
  // On success `head` owns copies of all texts; host, framing, expect, te, upgrade and keep_alive
  // are decided; `path` and `query` are split from the target but not normalised. Empty lines
  // before the request line are skipped (at most 2) and count as consumed.
  Consumed parse(std::string_view bytes, RequestHead& head);

 private:
  HeadLimits limits_;
  std::size_t scanned_ = 0;
};

// The same for a response to a request with `method`. Interim (1xx) heads are returned like others,
// with no body.
class ResponseHeadParser {
 public:
  ResponseHeadParser(const HeadLimits& limits, Method method) noexcept
      : limits_(limits), method_(method) {}
  Consumed parse(std::string_view bytes, ResponseHead& head);

 private:
  HeadLimits limits_;
  Method method_;
  std::size_t scanned_ = 0;
};

}  // namespace weir::codec::h1
