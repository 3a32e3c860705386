// An HTTP/2 stream as a plain byte stream, after an extended CONNECT (RFC 8441): DATA both ways,
// END_STREAM for a FIN. Both directions share one idle time, kept in the exchange. Worker thread;
// what it is made of outlives it.
#pragma once

#include <cstdint>

#include "codec/h2/inbound_content.hpp"
#include "codec/h2/outbound_content.hpp"
#include "codec/h2/request_content.hpp"
#include "codec/h2/session.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"

namespace weir::codec::h2 {

class StreamBytes final : public ByteStream {
 public:
  // `closed`: the session has closed the stream.
  StreamBytes(Session& session, std::int32_t id, InboundContent& inbound, OutboundContent& outbound,
              RequestContent::Owner& owner, Exchange& exchange, const bool& closed) noexcept
      : session_(session),
        id_(id),
        inbound_(inbound),
        outbound_(outbound),
        owner_(owner),
        exchange_(exchange),
        closed_(closed) {}

  Task<Result<Bytes>> read() override;
  Task<Result<>> write(Bytes bytes) override;
  void shutdown_write() noexcept override;
  void abort(Reason reason) noexcept override;

 private:
  bool expired() const noexcept;
  // Why nothing more goes; none while it does.
  Reason ended() const noexcept;

  Session& session_;
  const std::int32_t id_;
  InboundContent& inbound_;
  OutboundContent& outbound_;
  RequestContent::Owner& owner_;
  Exchange& exchange_;
  const bool& closed_;
  Reason aborted_ = Reason::none;
};

}  // namespace weir::codec::h2
