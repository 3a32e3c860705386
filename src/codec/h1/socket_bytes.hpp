// A connection as a plain byte stream, after a 101. Both directions of a tunnel share one idle
// time, kept by the clock. Worker thread; input and clock outlive it.
#pragma once

#include "codec/h1/input.hpp"
#include "weir/http/body.hpp"
#include "weir/http/transfer_clock.hpp"

namespace weir::codec::h1 {

class SocketBytes final : public ByteStream {
 public:
  SocketBytes(Input& input, TransferClock& clock) noexcept : input_(input), clock_(clock) {}

  Task<Result<Bytes>> read() override;
  Task<Result<>> write(Bytes bytes) override;
  void shutdown_write() noexcept override { input_.stream().shutdown_write(); }
  void abort(Reason reason) noexcept override;

 private:
  // True when the tunnel has been idle for its time or past its end.
  bool expired() const noexcept;

  Input& input_;
  TransferClock& clock_;
  Reason aborted_ = Reason::none;
};

}  // namespace weir::codec::h1
