// One request on an HTTP/2 connection to an upstream, with its answer. Owned by the attempt;
// outlives neither its exchange nor, as far as sending goes, its connection, which tells it when it
// is gone. Worker thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "codec/h2/field_rules.hpp"
#include "codec/h2/inbound_content.hpp"
#include "codec/h2/outbound_content.hpp"
#include "codec/h2/response_fields.hpp"
#include "weir/codec/client_exchange.hpp"

namespace weir::codec::h2 {

class ClientSession;

class ClientStream final : public ClientExchange, private ByteStream {
 public:
  ClientStream(ClientSession& session, net::Loop& loop, TransferClock& clock,
               const CancelScope& scope, Owner& owner, Method method, std::size_t header_size);
  ~ClientStream() override;
  ClientStream(const ClientStream&) = delete;
  ClientStream& operator=(const ClientStream&) = delete;

  // --- ClientExchange
  Result<bool> send_head(const RequestHead& head, Bytes first, bool last) override;
  Task<Result<>> flush() override;
  Task<Result<>> send_content(Bytes piece) override;
  Task<Result<>> send_end(const HeaderMap& trailers) override;
  Result<bool> take_head(ResponseHead& head) override;
  Task<net::Io> wait_more(Deadline until) override;
  bool untouched() const noexcept override { return !touched_; }
  bool unprocessed() const noexcept override { return unprocessed_; }
  bool unsent() const noexcept override { return id_ == 0; }
  std::uint64_t content_bytes() const noexcept override { return taken_; }
  ByteStream& bytes() noexcept override { return *this; }
  void cancel() noexcept override;

  // --- its content, and the tunnel's bytes
  Task<Result<Bytes>> read() override;
  Bytes read_ready() noexcept override { return take(); }
  bool complete() const noexcept override {
    return ended_ && failure_.reason == Reason::none && inbound_.complete();
  }
  const HeaderMap& trailers() const noexcept override { return trailers_; }
  HeaderMap& received_trailers() noexcept override { return trailers_; }
  std::optional<std::uint64_t> length() const noexcept override { return length_; }
  void abort(Reason reason) noexcept override;

  // --- what came, in the session's callbacks: noted only
  void fields_begin();
  void field(std::string_view name, std::string_view value);
  void fields_complete(bool ended);
  void content(Bytes bytes);
  void content_ended();
  void peer_reset(std::uint32_t error) noexcept;
  // The stream is over. `error` is what ended it, whoever said so.
  void closed(std::uint32_t error) noexcept;
  // The connection is over; `reason` is why where no head has come.
  void lost(Reason reason, std::string_view detail) noexcept;
  // What the upstream sent is no message: to be reset.
  bool malformed() const noexcept { return malformed_; }

 private:
  // A reader that took so much keeps up with the upstream.
  static constexpr std::uint64_t widen_after = 128 * 1024;

  Task<Result<>> write(Bytes bytes) override;
  void shutdown_write() noexcept override;

  // After a piece was hung: until the session has taken it.
  Task<Result<>> taken(bool tunnel);
  Error send_error() const;
  Bytes take() noexcept;
  void begin_content(ResponseHead& head);
  void fault(Reason before_head, std::string_view detail, std::string_view more = {}) noexcept;
  void end(bool reusable) noexcept;
  void reset(std::uint32_t error) noexcept;

  ClientSession* session_;  // null once the stream is closed
  net::Loop& loop_;
  TransferClock& clock_;
  const CancelScope& scope_;
  Owner& owner_;
  const Method method_;
  const std::size_t header_size_;
  std::int32_t id_ = 0;  // 0: not sent
  std::optional<ResponseFields> fields_;
  std::optional<TrailerFields> trailer_fields_;
  std::deque<ResponseHead> heads_;  // that came and were not taken
  HeaderMap trailers_;
  InboundContent inbound_;
  std::unique_ptr<OutboundContent> outbound_;  // the session's, when this goes first
  std::optional<std::uint64_t> length_;
  std::uint64_t received_ = 0;
  std::uint64_t taken_ = 0;  // by its reader
  std::uint64_t widen_at_ = widen_after;
  std::string accept_;  // of an extended CONNECT: what its handshake would be answered with
  Error failure_{Reason::none, Side::upstream, {}};
  bool tunnel_ = false;
  bool touched_ = false;
  bool unprocessed_ = false;
  bool content_expected_ = false;
  bool final_came_ = false;
  bool final_taken_ = false;
  bool peer_reset_ = false;
  bool malformed_ = false;
  bool reset_ = false;
  bool cancelled_ = false;
  bool ended_ = false;  // the owner was told
};

}  // namespace weir::codec::h2
