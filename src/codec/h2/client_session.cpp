#include "codec/h2/client_session.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include "weir/net/loop.hpp"
#include "weir/net/tls_session.hpp"

namespace weir::codec::h2 {
namespace {

// More streams than these share no connection, whatever the upstream says.
constexpr std::size_t most_streams = 1000;
// What may come of an answer that nobody reads. The connection's window is given back as content
// comes, whoever reads it or not: a client that is slow holds this, and stops no other's answer.
constexpr std::uint32_t stream_window = 64 * 1024;
// The same where the reader has kept up so far, for as many of the streams.
constexpr std::int32_t wide_window = 256 * 1024;
constexpr std::size_t most_widened = 64;

SessionOptions session_options(const ClientOptions& options) noexcept {
  SessionOptions out;
  out.server = false;
  out.most_streams = 0;  // nothing may be pushed
  out.stream_window = stream_window;
  out.header_list_size = static_cast<std::uint32_t>(
      std::min<std::size_t>(options.header_size, std::numeric_limits<std::int32_t>::max()));
  out.most_section = SessionOptions::section_of(options.header_size);
  return out;
}

}  // namespace

ClientSession::ClientSession(std::unique_ptr<net::Stream> stream, const ClientOptions& options)
    : options_(options),
      stream_(std::move(stream)),
      loop_(stream_->loop()),
      session_(*stream_, *this, session_options(options)),
      writer_(write_when_wanted()),
      settled_(loop_),
      guard_(loop_.now()),
      heard_(loop_.now()) {
  stream_->set_observer(this);
  // Runs to where it waits.
  writer_.finished().await_ready();
  session_.want_write();
  if (stream_->readable()) read();
}

ClientSession::~ClientSession() {
  owner_ = nullptr;
  close();
}

Task<Result<>> ClientSession::ready(Deadline until) {
  while (!settings_came_ && !closed_) {
    co_await settled_.wait(until);
    const net::Wake wake = settled_.result();
    if (wake == net::Wake::timeout) {
      co_return fail(Reason::connect_timeout, Side::upstream, "no SETTINGS came");
    }
  }
  if (closed_) co_return std::unexpected(failure_);
  co_return Result<>{};
}

std::size_t ClientSession::limit() const noexcept {
  if (ending()) return 0;
  nghttp2_session* const session = session_.native();
  return std::min<std::size_t>(
      nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS),
      most_streams);
}

bool ClientSession::ending() const noexcept {
  // Stream ids end, too.
  return closed_ || going_away_ || nghttp2_session_check_request_allowed(session_.native()) == 0;
}

bool ClientSession::offers_extended_connect() const noexcept {
  return nghttp2_session_get_remote_settings(session_.native(),
                                             NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

std::unique_ptr<ClientExchange> ClientSession::begin(TransferClock& clock, const CancelScope& scope,
                                                     ClientExchange::Owner& owner, Method method,
                                                     std::size_t header_size) {
  return std::make_unique<ClientStream>(*this, loop_, clock, scope, owner, method, header_size);
}

// --- for its streams

std::int32_t ClientSession::open(ClientStream& stream, const FieldBlock& fields,
                                 OutboundContent* content) {
  nghttp2_session* const session = session_.native();
  if (ending()) return 0;
  const auto id = static_cast<std::int32_t>(nghttp2_session_get_next_stream_id(session));
  entries_[id].stream = &stream;
  const nghttp2_data_provider provider =
      content != nullptr ? content->provider() : nghttp2_data_provider{};
  const std::int32_t opened =
      nghttp2_submit_request(session, nullptr, fields.data(), fields.size(),
                             content != nullptr ? &provider : nullptr, nullptr);
  if (opened < 0) {
    entries_.erase(id);
    return 0;
  }
  if (entries_.size() == 1) heard_ = loop_.now();
  watch();
  session_.want_write();
  return opened;
}

void ClientSession::content_offered(std::int32_t id, OutboundContent& content) {
  session_.resume(id, content);
}

void ClientSession::content_taken(std::int32_t id, std::size_t bytes) noexcept {
  session_.consume_stream(id, bytes);
}

void ClientSession::widen(std::int32_t id) noexcept {
  const auto entry = entries_.find(id);
  if (entry == entries_.end() || entry->second.widened || widened_ == most_widened) return;
  if (nghttp2_session_set_local_window_size(session_.native(), NGHTTP2_FLAG_NONE, id,
                                            wide_window) != 0) {
    return;
  }
  entry->second.widened = true;
  ++widened_;
  session_.want_write();
}

void ClientSession::reset(std::int32_t id, std::uint32_t error) noexcept {
  session_.reset_stream(id, error);
}

void ClientSession::orphan(std::int32_t id, std::unique_ptr<OutboundContent> content) noexcept {
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  content->offer({}, false);
  entry->second.stream = nullptr;
  entry->second.content = std::move(content);
  ++orphans_;
}

// --- what the session tells

ClientStream* ClientSession::find(std::int32_t id) const noexcept {
  const auto entry = entries_.find(id);
  return entry != entries_.end() ? entry->second.stream : nullptr;
}

bool ClientSession::on_frame_begins(const nghttp2_frame_hd& frame) {
  const TimePoint now = loop_.now();
  switch (frame.type) {
    case NGHTTP2_HEADERS:
      guard_.useful_frame();
      return true;
    case NGHTTP2_CONTINUATION:
      return true;
    case NGHTTP2_DATA:
      if (frame.length == 0 && (frame.flags & NGHTTP2_FLAG_END_STREAM) == 0) break;
      guard_.useful_frame();
      return true;
    case NGHTTP2_RST_STREAM:
      // Of a stream that we opened: it costs the upstream as much as us.
      if (find(frame.stream_id) != nullptr) return true;
      break;
    default:
      break;
  }
  return guard_.idle_frame(now);
}

void ClientSession::on_fields_begin(const nghttp2_frame& frame) {
  if (ClientStream* const stream = find(frame.hd.stream_id)) stream->fields_begin();
}

void ClientSession::on_field(const nghttp2_frame& frame, std::string_view name,
                             std::string_view value) {
  if (ClientStream* const stream = find(frame.hd.stream_id)) stream->field(name, value);
}

void ClientSession::on_content(std::int32_t id, Bytes content) {
  owed_ += content.size();
  ClientStream* const stream = find(id);
  if (stream == nullptr) return;
  stream->content(content);
  if (stream->malformed()) malformed_.push_back(id);
}

void ClientSession::on_frame(const nghttp2_frame& frame) {
  ClientStream* const stream = find(frame.hd.stream_id);
  const bool ended = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame.hd.type) {
    case NGHTTP2_SETTINGS:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) return;
      settings_came_ = changed_ = true;
      settled_.notify();
      return;
    case NGHTTP2_GOAWAY:
      going_away_ = changed_ = true;
      return;
    case NGHTTP2_RST_STREAM:
      if (frame.rst_stream.error_code == NGHTTP2_REFUSED_STREAM) refusing_ = true;
      if (stream != nullptr) stream->peer_reset(frame.rst_stream.error_code);
      return;
    case NGHTTP2_HEADERS:
      if (stream != nullptr) stream->fields_complete(ended);
      break;
    case NGHTTP2_DATA:
      if (stream != nullptr && ended) stream->content_ended();
      break;
    default:
      return;
  }
  if (stream != nullptr && stream->malformed()) malformed_.push_back(frame.hd.stream_id);
}

void ClientSession::on_frame_written(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_DATA) guard_.useful_frame();
}

void ClientSession::on_stream_closed(std::int32_t id, std::uint32_t error) {
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  if (ClientStream* const stream = entry->second.stream) {
    stream->closed(error);
  } else {
    --orphans_;
  }
  if (entry->second.widened) --widened_;
  entries_.erase(entry);
  changed_ = true;
}

// --- the connection

void ClientSession::on_unread_edge(std::uint8_t) noexcept { read(); }

void ClientSession::read() noexcept {
  try {
    while (!closed_ && session_.reading()) {
      const net::Io status = session_.receive();
      if (status == net::Io::would_block) return;
      heard_ = loop_.now();
      if (status == net::Io::ok) continue;
      return lose_stream(status == net::Io::eof ? "the connection was closed"
                                                : "the connection was reset");
    }
    // Tells the peer why, and those whose request was not sent yet.
    write();
  } catch (const std::bad_alloc&) {
    lose(Reason::internal, "out of memory");
  }
}

void ClientSession::after_events() {
  for (const std::int32_t id : std::exchange(malformed_, {})) {
    if (find(id) != nullptr) session_.reset_stream(id, NGHTTP2_PROTOCOL_ERROR);
  }
  if (owed_ != 0) session_.consume_connection(std::exchange(owed_, 0));
  tell();
}

Task<bool> ClientSession::write_when_wanted() {
  while (true) {
    co_await session_.write_wanted();
    write();
  }
}

void ClientSession::write() noexcept {
  if (closed_) return;
  try {
    const net::Io status = session_.flush();
    if (status == net::Io::error) {
      // It may have said why, and what it said may be there still.
      if (!settings_came_ && stream_->is_open()) session_.receive();
      return lose_stream("the connection was reset");
    }
    // A GOAWAY of either side, and nothing is left to be heard.
    if (session_.starved()) return lose(Reason::internal, "out of memory");
    if (status == net::Io::ok && !session_.reading()) {
      return lose(going_away_ ? Reason::upstream_reset : Reason::upstream_bad_response,
                  going_away_ ? "the upstream has gone away" : "the upstream broke HTTP/2's rules");
    }
  } catch (const std::bad_alloc&) {
    return lose(Reason::internal, "out of memory");
  }
  tell();
}

void ClientSession::lose_stream(std::string_view detail) noexcept {
  const net::TlsSession* const tls = stream_->tls();
  if (!settings_came_ && tls != nullptr && tls->alerted()) {
    return lose(Reason::upstream_tls_failed, tls->failure());
  }
  lose(Reason::upstream_reset, detail);
}

void ClientSession::watch() noexcept {
  if (!scheduled() && options_.ping_interval != Duration::zero()) {
    loop_.wheel().schedule(*this, loop_.now() + options_.ping_interval);
  }
}

void ClientSession::expire(TimePoint now) noexcept {
  if (closed_) return;
  if (std::exchange(pinging_, false) && heard_ < pinged_) {
    return lose(Reason::upstream_reset, "no answer to a PING");
  }
  if (entries_.empty()) return;
  const TimePoint due = heard_ + options_.ping_interval;
  if (now < due) return loop_.wheel().schedule(*this, due);
  nghttp2_submit_ping(session_.native(), NGHTTP2_FLAG_NONE, nullptr);
  session_.want_write();
  pinging_ = true;
  pinged_ = now;
  loop_.wheel().schedule(*this, now + options_.ping_timeout);
}

void ClientSession::close() noexcept {
  if (closed_) return;
  session_.terminate(NGHTTP2_NO_ERROR);
  write();
  lose(Reason::upstream_reset, "the connection was closed");
}

void ClientSession::lose(Reason reason, std::string_view detail) noexcept {
  if (std::exchange(closed_, true)) return;
  failure_ = error_of(reason, Side::upstream, detail);
  unschedule();
  for (const auto& [id, entry] : std::exchange(entries_, {})) {
    if (entry.stream != nullptr) entry.stream->lost(reason, detail);
  }
  orphans_ = widened_ = 0;
  stream_->close();
  settled_.notify();
  changed_ = true;
  tell();
}

void ClientSession::tell() noexcept {
  if (std::exchange(changed_, false) && owner_ != nullptr) owner_->connection_changed(*this);
}

std::unique_ptr<ClientConnection> make_client_connection(std::unique_ptr<net::Stream> stream,
                                                         const ClientOptions& options) {
  return std::make_unique<ClientSession>(std::move(stream), options);
}

}  // namespace weir::codec::h2
