// The session of an HTTP/2 connection to an upstream, and the streams on it. Worker thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "codec/h2/client_stream.hpp"
#include "codec/h2/field_block.hpp"
#include "codec/h2/flood_guard.hpp"
#include "codec/h2/session.hpp"
#include "weir/codec/h2/client_connection.hpp"
#include "weir/net/timer_wheel.hpp"
#include "weir/net/waiter.hpp"

namespace weir::codec::h2 {

class ClientSession final : public ClientConnection,
                            private SessionEvents,
                            private net::StreamObserver,
                            private net::Timer {
 public:
  ClientSession(std::unique_ptr<net::Stream> stream, const ClientOptions& options);
  ~ClientSession() override;

  // --- ClientConnection
  Task<Result<>> ready(Deadline until) override;
  void set_owner(Owner* owner) noexcept override { owner_ = owner; }
  std::size_t limit() const noexcept override;
  std::size_t orphans() const noexcept override { return orphans_; }
  bool ending() const noexcept override;
  bool closed() const noexcept override { return closed_; }
  bool refusing() const noexcept override { return refusing_; }
  std::unique_ptr<ClientExchange> begin(TransferClock& clock, const CancelScope& scope,
                                        ClientExchange::Owner& owner, Method method,
                                        std::size_t header_size) override;
  void close() noexcept override;

  // --- for its streams
  bool tls() const noexcept { return options_.tls; }
  bool offers_extended_connect() const noexcept override;
  // Sends a head; the stream's id, or 0 when no more can be opened.
  std::int32_t open(ClientStream& stream, const FieldBlock& fields, OutboundContent* content);
  void content_offered(std::int32_t id, OutboundContent& content);
  void content_taken(std::int32_t id, std::size_t bytes) noexcept;
  // The stream's reader keeps up with it: more may come at a time.
  void widen(std::int32_t id) noexcept;
  void reset(std::int32_t id, std::uint32_t error) noexcept;
  // The stream's owner has gone before the session has closed it.
  void orphan(std::int32_t id, std::unique_ptr<OutboundContent> content) noexcept;
  void answered() noexcept { refusing_ = false; }

 private:
  struct Entry {
    ClientStream* stream = nullptr;            // null: an orphan
    std::unique_ptr<OutboundContent> content;  // of an orphan
    bool widened = false;
  };

  bool on_frame_begins(const nghttp2_frame_hd& frame) override;
  void on_fields_begin(const nghttp2_frame& frame) override;
  void on_field(const nghttp2_frame& frame, std::string_view name, std::string_view value) override;
  void on_content(std::int32_t stream, Bytes content) override;
  void on_frame(const nghttp2_frame& frame) override;
  void on_frame_written(const nghttp2_frame& frame) override;
  void on_stream_closed(std::int32_t stream, std::uint32_t error) override;
  void after_events() override;

  void on_unread_edge(std::uint8_t ready) noexcept override;
  void on_writable() noexcept override { write(); }
  void expire(TimePoint now) noexcept override;

  ClientStream* find(std::int32_t id) const noexcept;
  void read() noexcept;
  // Never ends.
  Task<bool> write_when_wanted();
  void write() noexcept;
  void watch() noexcept;
  void lose(Reason reason, std::string_view detail) noexcept;
  // The same for what its stream said or did.
  void lose_stream(std::string_view detail) noexcept;
  void tell() noexcept;

  const ClientOptions options_;
  std::unique_ptr<net::Stream> stream_;
  net::Loop& loop_;
  mutable Session session_;  // nghttp2 asks for it to be mutable also where it only looks
  Task<bool> writer_;        // waits, or is running below write(); goes before the session
  net::Waiter settled_;
  Owner* owner_ = nullptr;
  std::unordered_map<std::int32_t, Entry> entries_;
  std::vector<std::int32_t> malformed_;  // to be reset after the callbacks
  FloodGuard guard_;
  Error failure_;  // why it is closed
  std::size_t orphans_ = 0;
  std::size_t widened_ = 0;  // streams
  std::size_t owed_ = 0;     // of the connection's window
  TimePoint heard_;          // when something came last
  TimePoint pinged_{};
  bool settings_came_ = false;
  bool pinging_ = false;
  bool going_away_ = false;
  bool refusing_ = false;
  bool changed_ = false;  // the owner is to be told
  bool closed_ = false;
};

}  // namespace weir::codec::h2
