// One request and its answer on an upstream's HTTP/1 connection: the head and content out, interim
// and final heads in, the answer's content as a stream. The sending side and the reading side may
// be used by two coroutines of the same worker.
#pragma once

#include <memory>

#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/net/stream.hpp"

namespace weir::codec::h1 {

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
  // After the last piece; does nothing where the length was said.
  virtual Task<Result<>> send_end(const HeaderMap& trailers) = 0;

  // --- reading. A whole head that is here already: true and `head` is filled; false: wait_head().
  virtual Result<bool> take_head(ResponseHead& head) = 0;
  // Waits until more is here: ok, timeout, cancelled.
  virtual Task<net::Io> wait_more(Deadline until) = 0;
  // No byte of an answer has come.
  virtual bool untouched() const noexcept = 0;
  // The connection's bytes, after a 101 head. Lives as long as this.
  virtual ByteStream& bytes() noexcept = 0;
};

// `stream`, `exchange` and `owner` outlive it. `header_size` bounds a head.
std::unique_ptr<ClientExchange> make_client_exchange(net::Stream& stream, Exchange& exchange,
                                                     ClientExchange::Owner& owner, Method method,
                                                     std::size_t header_size);

}  // namespace weir::codec::h1
