// A body is pulled: who does not pull does not receive, and that is all the back-pressure there is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "weir/base/result.hpp"
#include "weir/base/task.hpp"
#include "weir/http/head.hpp"

namespace weir {

using Bytes = std::span<const std::byte>;

inline Bytes as_bytes(std::string_view text) noexcept { return std::as_bytes(std::span(text)); }
inline std::string_view as_text(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Hears that content came while nobody waits for it.
class ContentArrivals {
 public:
  // Perhaps only a part of its framing: read_ready() tells. Nothing may be read within the call.
  virtual void content_arrived() noexcept = 0;

 protected:
  ~ContentArrivals() = default;
};

// The content of one message while it comes in. The calling loop:
//   while (true) { auto piece = co_await body.read(); if (!piece || piece->empty()) break;
//   use(*piece); }
// One reader at a time; worker thread only. After an error nothing more comes.
class BodyStream {
 public:
  virtual ~BodyStream() = default;

  // The next piece, valid until the next call; empty when the content is complete.
  virtual Task<Result<Bytes>> read() = 0;
  // A piece that is here already, as read() would return it; empty when read() would have to wait
  // or there is nothing more.
  virtual Bytes read_ready() noexcept { return {}; }
  // All content has been handed out, and its end was seen.
  virtual bool complete() const noexcept = 0;
  // Fields after the content; empty until complete().
  virtual const HeaderMap& trailers() const noexcept = 0;
  // The content's whole length when the sender said it.
  virtual std::optional<std::uint64_t> length() const noexcept = 0;
  // Of a request whose client may wait to be asked for its content (Expect: 100-continue), which
  // read() does: tells `to` of what comes unasked, until it is given null.
  virtual void tell_arrivals(ContentArrivals* to) noexcept { static_cast<void>(to); }
  // Nobody will read on: a waiting read() fails with `reason`, the source is closed, not reused.
  virtual void abort(Reason reason) noexcept = 0;
};

// Bytes both ways after a 101. One reader and one writer at a time.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Valid until the next call; empty at the peer's FIN.
  virtual Task<Result<Bytes>> read() = 0;
  virtual Task<Result<>> write(Bytes bytes) = 0;
  // Sends a FIN; reading goes on.
  virtual void shutdown_write() noexcept = 0;
  // Ends both directions at once; waiting calls fail with `reason`.
  virtual void abort(Reason reason) noexcept = 0;
};

struct NoBody {};
// The streams are owned by the exchange (Exchange::own) and outlive the answer.
using ResponseBody = std::variant<NoBody, std::string, BodyStream*, ByteStream*>;

struct Request {
  RequestHead head;
  BodyStream* body = nullptr;  // owned by the codec; null when the request has no content
};

struct Response {
  ResponseHead head;
  ResponseBody body;             // a ByteStream only with status 101
  Reason reason = Reason::none;  // why Weir answered itself, none for the upstream's answers
  std::string detail;            // for the log
};

}  // namespace weir
