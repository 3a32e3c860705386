// The strict parser of HTTP/1 heads (RFC 9112): the only one that reads them, so nobody can
// disagree with it. It decides the framing, and refuses whatever two implementations might read
// differently. Pure: bytes in, head out; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>

#include "weir/base/reason.hpp"
#include "weir/http/head.hpp"

namespace weir::codec::h1 {

enum class Underscores : std::uint8_t { reject, drop, keep };

// What each line counts for beyond its bytes.
inline constexpr std::size_t line_overhead = 32;

struct HeadLimits {
  std::size_t uri_size = 16 * 1024;     // bytes of the request target
  std::size_t header_size = 60 * 1024;  // request line and fields, each + line_overhead
  std::size_t header_count = 100;
  Underscores underscores = Underscores::reject;  // requests only
  bool encode_raw_target = false;                 // requests only: bytes above 7F in the target
  bool bare_lf = false;                           // answers only: it may end a line
};

struct Refusal {
  Reason reason = Reason::bad_request;
  std::string detail;  // names the offending field or part
};

// Bytes of the head including its empty line, or 0: more is needed.
using Consumed = std::expected<std::size_t, Refusal>;

// Where a head that comes in pieces was left; offsets into its bytes.
struct HeadProgress {
  std::size_t line = 0;     // start of the line being read; what is before it is done with
  std::size_t scanned = 0;  // what is before it needs no second look
  std::size_t colon = 0;    // of the field line being read; 0: not seen yet
  std::size_t size = 0;     // counted against header_size
  std::size_t count = 0;    // fields, dropped ones included
  std::uint8_t name_classes_seen = 0;
  std::uint8_t empty_lines = 0;
  bool start_line_done = false;
  bool bare_lf = false;  // a line ended with LF alone
};

// Parses a request head from the start of a message. Call again with the same bytes and more behind
// them, and the same `head`, while it answers 0; what was looked at before is not scanned again.
// One object a message.
class RequestHeadParser {
 public:
  explicit RequestHeadParser(const HeadLimits& limits) noexcept : limits_(limits) {}
  // On success `head` owns copies of all texts; host, framing, expect, te, upgrade and keep_alive
  // are decided; `path` and `query` are split from the target but not normalised. Empty lines
  // before the request line are skipped (at most 2) and count as consumed. After a refusal `head`
  // holds, for the log, what was read before it.
  Consumed parse(std::string_view bytes, RequestHead& head);
  // How many bytes at the beginning are done with: whole lines, of which `head` has copies. The
  // next parse() gets what is behind them.
  std::size_t forget_done() noexcept;

 private:
  std::expected<bool, Refusal> read_request_line(std::string_view bytes, RequestHead& head);

  HeadLimits limits_;
  HeadProgress at_;
};

// The same for a response to a request with `method`. Interim (1xx) heads are returned like others,
// with no body. A header_count of 0 means 1000.
class ResponseHeadParser {
 public:
  ResponseHeadParser(const HeadLimits& limits, Method method) noexcept
      : limits_(limits), method_(method) {}
  Consumed parse(std::string_view bytes, ResponseHead& head);
  // A line ended with LF alone, as the limits allow.
  bool had_bare_lf() const noexcept { return at_.bare_lf; }

 private:
  std::expected<bool, Refusal> read_status_line(std::string_view bytes, ResponseHead& head);

  HeadLimits limits_;
  Method method_;
  HeadProgress at_;
};

}  // namespace weir::codec::h1
