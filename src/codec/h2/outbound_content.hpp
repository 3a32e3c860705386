// The content of one message on its way out over HTTP/2: its sender hangs one piece at a time, the
// session takes of it what the windows allow, straight into the connection's output. One a stream;
// lives at least as long as the session knows the stream. Worker thread only.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>

#include "weir/base/block_cache.hpp"
#include "weir/http/body.hpp"
#include "weir/net/waiter.hpp"

namespace weir::codec::h2 {

class OutboundContent : public Cached {
 public:
  explicit OutboundContent(net::Loop& loop) noexcept : moved_(loop) {}
  OutboundContent(const OutboundContent&) = delete;
  OutboundContent& operator=(const OutboundContent&) = delete;

  // What to submit a head with. One submission only.
  nghttp2_data_provider provider() noexcept;

  // Hangs the next piece, which stays valid until taken() or the stream's end; with `last` the
  // stream's end follows it, behind `trailers` where there are any (they live as long). REQUIRES:
  // taken(). Before the head is submitted, too.
  void offer(Bytes piece, bool last, const HeaderMap* trailers = nullptr) noexcept;
  // By the session (Session::resume), after offer() when the head was submitted before; false:
  // there is no memory for it.
  bool resume(nghttp2_session* session, std::int32_t stream) noexcept;
  // Takes back what hangs: its owner goes. Whoever does so resets the stream.
  void drop() noexcept { piece_ = {}, last_ = false; }
  bool taken() const noexcept { return piece_.empty() && !(last_ && !ended_); }

  // co_await content.wait(deadline): until something was taken, wake() was called, or the deadline.
  auto wait(Deadline deadline) { return moved_.wait(deadline); }
  net::Wake result() noexcept { return moved_.result(); }
  // The stream ended or its end was written: whoever waits looks again.
  void wake() noexcept { moved_.notify(); }
  // Bytes that went into the output so far.
  std::uint64_t moved_bytes() const noexcept { return moved_bytes_; }

  // By the session. False when what the session counted on was dropped meanwhile.
  bool has(std::size_t size) const noexcept { return piece_.size() >= size; }
  // Hands `size` bytes to `copy` and forgets them.
  template <class Copy>
  void take(std::size_t size, Copy&& copy) {
    copy(piece_.first(size));
    piece_ = piece_.subspan(size);
    moved_bytes_ += size;
    moved_.notify();
  }

 private:
  static ssize_t read(nghttp2_session* session, std::int32_t stream, std::uint8_t* out,
                      std::size_t size, std::uint32_t* flags, nghttp2_data_source* source,
                      void* user) noexcept;
  ssize_t provide(nghttp2_session* session, std::int32_t stream, std::size_t size,
                  std::uint32_t& flags) noexcept;

  Bytes piece_;
  const HeaderMap* trailers_ = nullptr;
  std::uint64_t moved_bytes_ = 0;
  net::Waiter moved_;
  bool last_ = false;
  bool ended_ = false;     // the session knows that nothing follows
  bool deferred_ = false;  // the session waits for resume()
};

}  // namespace weir::codec::h2
