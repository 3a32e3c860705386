// A request's content while it comes in over HTTP/2: taken from the stream's queue, counted against
// the exchange's limit, the client's pace watched, the stream's window given back as it is read.
// Owned by its stream. Worker thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "codec/h2/inbound_content.hpp"
#include "codec/h2/session.hpp"
#include "weir/codec/progress.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"

namespace weir::codec::h2 {

class RequestContent final : public BodyStream {
 public:
  // What the content may still tell its connection.
  class Owner {
   public:
    // `bytes` left the queue.
    virtual void content_taken(std::size_t bytes) noexcept = 0;
    // The client waits to be asked for the content, and is.
    virtual void content_wanted() = 0;

   protected:
    ~Owner() = default;
  };

  RequestContent(InboundContent& inbound, net::Loop& loop, Exchange& exchange, Owner& owner,
                 const RequestHead& head, Progress progress) noexcept
      : inbound_(inbound),
        loop_(loop),
        exchange_(exchange),
        owner_(owner),
        progress_(progress),
        ask_(head.expect_continue) {
    if (head.framing == Framing::length) length_ = head.content_length;
  }

  Task<Result<Bytes>> read() override;
  Bytes read_ready() noexcept override { return take(); }
  bool complete() const noexcept override {
    return failure_.reason == Reason::none && inbound_.complete();
  }
  const HeaderMap& trailers() const noexcept override { return trailers_; }
  std::optional<std::uint64_t> length() const noexcept override { return length_; }
  void tell_arrivals(ContentArrivals* to) noexcept override { inbound_.tell_arrivals(to); }
  void abort(Reason reason) noexcept override { fail(reason, {}); }

  // Its pace is not watched any more: the exchange is a stream, which both sides may leave silent
  // as long as its stream_idle_timeout lets them.
  void unhurried() noexcept {
    progress_ = Progress(Duration::zero());
    inbound_.wake();
  }
  // Nothing more will come; whoever reads hears why.
  void fail(Reason reason, std::string detail) noexcept;
  // Where the connection puts the fields behind the content before it ends.
  HeaderMap& received_trailers() noexcept { return trailers_; }

 private:
  Bytes take() noexcept;

  InboundContent& inbound_;
  net::Loop& loop_;
  Exchange& exchange_;
  Owner& owner_;
  Progress progress_;
  HeaderMap trailers_;
  std::optional<std::uint64_t> length_;
  Error failure_{Reason::none, Side::downstream, {}};
  bool ask_;
};

}  // namespace weir::codec::h2
