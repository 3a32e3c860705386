// One request and its answer on an upstream's connection, whatever protocol that speaks: the head
// and content out, interim and final heads in, the answer's content as a stream. The sending side
// and the reading side may be used by two coroutines of the same worker. Owned by an attempt, ends
// before the lease that made it; destroyed before the answer's end, it gives the answer up.
#pragma once

#include <cstdint>

#include "weir/config/model.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/net/stream.hpp"

namespace weir::codec {

class ClientExchange : public BodyStream {
 public:
  // Told once, when the answer's last byte was taken or can never come.
  class Owner {
   public:
    // The connection may carry another request, as far as the answer is concerned.
    virtual void answer_ended(bool reusable) noexcept = 0;

   protected:
    ~Owner() = default;
  };

  // --- sending. Errors: upstream_reset when the upstream takes no more, or what cancelled it.
  // The head, with `first` of the content behind it in the same call; `last`: that is all of it.
  // True when the upstream took it all; false: flush() goes on.
  virtual Result<bool> send_head(const RequestHead& head, Bytes first, bool last) = 0;
  virtual Task<Result<>> flush() = 0;
  virtual Task<Result<>> send_content(Bytes piece) = 0;
  // After the last piece; sends nothing where that was the end already.
  virtual Task<Result<>> send_end(const HeaderMap& trailers) = 0;

  // --- reading. A whole head that is here already: true and `head` is filled; false: wait_more().
  virtual Result<bool> take_head(ResponseHead& head) = 0;
  // Waits until more is here: ok, timeout, cancelled.
  virtual Task<net::Io> wait_more(Deadline until) = 0;
  // No byte of an answer has come, and over HTTP/2 no reset of this request alone but a refusal.
  virtual bool untouched() const noexcept = 0;
  // The upstream said that it has not looked at the request: any method can be sent again.
  virtual bool unprocessed() const noexcept { return false; }
  // No byte of the request has left us, and none will.
  virtual bool unsent() const noexcept = 0;
  // Which faults of the answer so far were forgiven, as the upstream's `lenient` wants it.
  virtual config::Lenient forgiven() const noexcept { return {}; }
  // The trailers, for who takes some out before they are passed on.
  virtual HeaderMap& received_trailers() noexcept = 0;
  // Of the answer's content, as its reader took it; without chunk lines.
  virtual std::uint64_t content_bytes() const noexcept = 0;
  // The connection's bytes, after a 101 head. Lives as long as this.
  virtual ByteStream& bytes() noexcept = 0;

  // Ends the waits of both sides, now and later, with cancelled: the request is given up. REQUIRES:
  // the lease was not given back.
  virtual void cancel() noexcept = 0;
};

}  // namespace weir::codec
