#include "codec/h2/session.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "codec/h2/outbound_content.hpp"
#include "weir/base/debug_log.hpp"
#include "weir/config/model.hpp"
#include "weir/net/turn_taking.hpp"

namespace weir::codec::h2 {
namespace {

constexpr std::size_t frame_header = 9;
constexpr std::size_t largest_frame = frame_header + 16 * 1024;
constexpr std::size_t output_size = BufferPool::framed_size;
constexpr std::size_t large_read = 64 * 1024;
// Acks and resets that may wait to be written: a peer that makes us write and does not read.
constexpr std::size_t most_queued_acks = 1000;
constexpr std::size_t largest_head = 32 * 1024 * 1024;
constexpr std::size_t most_continuations = 8;
constexpr std::size_t field_overhead = 32;  // RFC 9113 section 6.5.2

std::string_view text(const std::uint8_t* bytes, std::size_t size) noexcept {
  return {reinterpret_cast<const char*>(bytes), size};
}

// Calls `fn` for nghttp2, which knows no exceptions.
template <class Fn>
int guarded(Fn&& fn) noexcept {
  try {
    return fn() ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  } catch (const std::bad_alloc&) {
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
}

struct OptionDeleter {
  void operator()(nghttp2_option* option) const noexcept { nghttp2_option_del(option); }
};

std::unique_ptr<nghttp2_option, OptionDeleter> make_option() {
  nghttp2_option* option = nullptr;
  if (nghttp2_option_new(&option) != 0) throw std::bad_alloc();
  nghttp2_option_set_no_auto_window_update(option, 1);
  // Messages are checked here (field_rules, request_fields), by one set of rules.
  nghttp2_option_set_no_http_messaging(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_outbound_ack(option, most_queued_acks);
  nghttp2_option_set_max_continuations(option, most_continuations);
  // Frames that nobody knows are ignored, but seen: they can be a flood, too.
  for (unsigned type = NGHTTP2_CONTINUATION + 1; type < 256; ++type) {
    nghttp2_option_set_user_recv_extension_type(option, static_cast<std::uint8_t>(type));
  }
  // What an upstream may say in a head is bounded where it is read.
  nghttp2_option_set_max_send_header_block_length(option, largest_head);
  // Resets are counted by whoever owns the session, those that it sends too.
  nghttp2_option_set_stream_reset_rate_limit(option, 1'000'000, 1'000'000);
  return std::unique_ptr<nghttp2_option, OptionDeleter>(option);
}

}  // namespace

SessionOptions SessionOptions::of(const config::Limits& limits) noexcept {
  SessionOptions out;
  out.most_streams = static_cast<std::uint32_t>(limits.h2_streams);
  out.header_list_size = static_cast<std::uint32_t>(limits.header_size);
  out.most_section = section_of(limits.header_size);
  out.stall = limits.body_idle_timeout;
  return out;
}

// What nghttp2 calls, with the session as its user data.
struct Session::Callbacks {
  static Session& self(void* user) noexcept { return *static_cast<Session*>(user); }

  // What ends a stream or the connection, to the debug log.
  static void tell_end(const Session& session, const nghttp2_frame& frame, bool ours) noexcept {
    const bool reset = frame.hd.type == NGHTTP2_RST_STREAM;
    if ((!reset && frame.hd.type != NGHTTP2_GOAWAY) ||
        !debug_log::on(debug_log::Component::http2, debug_log::Level::debug)) {
      return;
    }
    const std::string_view by = ours ? "weir" : session.server_ ? "client" : "upstream";
    const std::uint32_t code = reset ? frame.rst_stream.error_code : frame.goaway.error_code;
    const std::int32_t stream = reset ? frame.hd.stream_id : frame.goaway.last_stream_id;
    debug_log::write(debug_log::Component::http2, debug_log::Level::debug,
                     reset ? "stream reset" : "GOAWAY",
                     {{"connection", session.stream_.id()},
                      {reset ? "stream" : "last_stream", stream},
                      {"by", by},
                      {"code", nghttp2_http2_strerror(code)}});
  }

  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* frame, void* user) noexcept {
    return guarded([&] { return self(user).events_.on_frame_begins(*frame); });
  }
  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) noexcept {
    self(user).section_ = 0;
    return guarded([&] { return self(user).events_.on_fields_begin(*frame), true; });
  }
  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                    std::uint8_t, void* user) noexcept {
    Session& session = self(user);
    session.section_ += name_size + value_size + field_overhead;
    if (session.section_ > session.most_section_) return NGHTTP2_ERR_CALLBACK_FAILURE;
    return guarded([&] {
      session.events_.on_field(*frame, text(name, name_size), text(value, value_size));
      return true;
    });
  }
  static int data_chunk(nghttp2_session*, std::uint8_t, std::int32_t stream,
                        const std::uint8_t* data, std::size_t size, void* user) noexcept {
    return guarded([&] {
      self(user).events_.on_content(stream, {reinterpret_cast<const std::byte*>(data), size});
      return true;
    });
  }
  static int frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* user) noexcept {
    tell_end(self(user), *frame, false);
    return guarded([&] { return self(user).events_.on_frame(*frame), true; });
  }
  static int frame_send(nghttp2_session*, const nghttp2_frame* frame, void* user) noexcept {
    tell_end(self(user), *frame, true);
    return guarded([&] { return self(user).events_.on_frame_written(*frame), true; });
  }
  static int stream_close(nghttp2_session*, std::int32_t stream, std::uint32_t error,
                          void* user) noexcept {
    return guarded([&] { return self(user).events_.on_stream_closed(stream, error), true; });
  }
  static int ignore_extension(nghttp2_session*, void**, const nghttp2_frame_hd*, void*) noexcept {
    return NGHTTP2_ERR_CANCEL;
  }
  // Content goes straight from where it hangs into the output.
  static int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* header,
                       std::size_t length, nghttp2_data_source* source, void* user) noexcept {
    Session& session = self(user);
    const std::size_t padding = frame->data.padlen;
    if (!session.has_room(frame_header + length + padding)) {
      session.full_ = true;
      return NGHTTP2_ERR_WOULDBLOCK;
    }
    auto& content = *static_cast<OutboundContent*>(source->ptr);
    if (!content.has(length)) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    session.append(header, frame_header);
    static constexpr std::array<std::uint8_t, 256> zeros{};
    if (padding != 0) {
      const auto count = static_cast<std::uint8_t>(padding - 1);
      session.append(&count, 1);
    }
    content.take(length, [&](Bytes piece) { session.append(piece.data(), piece.size()); });
    if (padding > 1) session.append(zeros.data(), padding - 1);
    return 0;
  }

  static nghttp2_session_callbacks* make() {
    nghttp2_session_callbacks* all = nullptr;
    if (nghttp2_session_callbacks_new(&all) != 0) throw std::bad_alloc();
    nghttp2_session_callbacks_set_on_begin_frame_callback(all, begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(all, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(all, header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(all, frame_recv);
    nghttp2_session_callbacks_set_on_frame_send_callback(all, frame_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(all, stream_close);
    nghttp2_session_callbacks_set_unpack_extension_callback(all, ignore_extension);
    nghttp2_session_callbacks_set_send_data_callback(all, send_data);
    return all;
  }
};

Session::Session(net::Stream& stream, SessionEvents& events, const SessionOptions& options)
    : stream_(stream),
      events_(events),
      wanted_(stream.loop()),
      stall_(options.stall),
      server_(options.server),
      most_section_(options.most_section),
      late_frames_(options.server ? LateFrames::preface_size : 0) {
  static nghttp2_session_callbacks* const callbacks = Callbacks::make();
  static const auto option = make_option();
  const int made =
      options.server
          ? nghttp2_session_server_new3(&session_, callbacks, this, option.get(), memory_.native())
          : nghttp2_session_client_new3(&session_, callbacks, this, option.get(), memory_.native());
  if (made != 0) throw std::bad_alloc();

  std::array<nghttp2_settings_entry, 4> settings;
  std::size_t count = 0;
  if (server_) unannounced_streams_ = options.most_streams;
  settings[count++] = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                       server_ ? std::numeric_limits<std::uint32_t>::max() : options.most_streams};
  settings[count++] = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window};
  settings[count++] = {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, options.header_list_size};
  settings[count++] = options.server
                          ? nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}
                          : nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), count);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(options.connection_window));
}

Session::~Session() {
  wanted_.abandon();
  nghttp2_session_del(session_);
}

net::Io Session::receive() {
  Buffer buffer;
  const net::IoResult got = stream_.try_read(buffer, 0, read_size_);
  if (got.status != net::Io::ok) return got.status;
  // A peer that fills the block has more.
  read_size_ = got.bytes == buffer.size() ? large_read : BufferPool::small_size;
  if (reading()) feed({buffer.data(), got.bytes});
  return net::Io::ok;
}

void Session::feed(Bytes bytes) {
  bytes_fed_ += bytes.size();
  const bool late = late_frames_.take(bytes);
  const ssize_t taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken < 0) {
    failed_ = true;
    const bool flood = taken == NGHTTP2_ERR_FLOODED || taken == NGHTTP2_ERR_CALLBACK_FAILURE ||
                       taken == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;
    terminate(flood ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
  } else if (late && reading()) {
    terminate(NGHTTP2_STREAM_CLOSED);
  }
  events_.after_events();
  if (writing()) want_write();
}

void Session::rest() noexcept {
  if (!writing()) memory_.rest();
}

bool Session::reading() const noexcept {
  return !failed_ && nghttp2_session_want_read(session_) != 0;
}

bool Session::writing() const noexcept {
  return out_begin_ != out_end_ || full_ || nghttp2_session_want_write(session_) != 0;
}

void Session::append(const void* bytes, std::size_t size) noexcept {
  if (size == 0) return;
  std::memcpy(out_.data() + out_end_, bytes, size);
  out_end_ += size;
}

bool Session::gather() {
  full_ = false;
  if (!out_) out_ = stream_.loop().buffers().borrow(output_size);
  while (has_room(largest_frame)) {
    const std::uint8_t* frame = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &frame);
    if (size < 0) return false;
    if (size == 0) return true;
    append(frame, static_cast<std::size_t>(size));
    if (unannounced_streams_ != 0) {
      announce_streams(out_.data() + out_end_ - size, static_cast<std::size_t>(size));
    }
  }
  full_ = true;
  return true;
}

void Session::announce_streams(std::byte* frame, std::size_t size) noexcept {
  constexpr std::size_t entry = 6;
  if (frame[3] != std::byte{NGHTTP2_SETTINGS}) return;
  for (std::size_t at = frame_header; at + entry <= size; at += entry) {
    if (frame[at + 1] != std::byte{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS}) continue;
    for (unsigned i = 0; i < 4; ++i) {
      frame[at + 2 + i] = static_cast<std::byte>(unannounced_streams_ >> (24 - 8 * i));
    }
    unannounced_streams_ = 0;
    return;
  }
}

Task<bool> Session::send_gathered() {
  Progress progress(stall_);
  while (true) {
    const iovec piece{out_.data() + out_begin_, out_end_ - out_begin_};
    const net::IoResult result = stream_.try_write({&piece, 1});
    out_begin_ += result.bytes;
    progress.moved(result.bytes);
    if (result.status == net::Io::ok) break;
    if (result.status == net::Io::error) co_return false;
    const TimePoint from = stream_.loop().now();
    const net::Io ready = co_await stream_.wait_writable(progress.deadline(from));
    progress.waited(stream_.loop().now() - from);
    if (ready != net::Io::ok) co_return false;
  }
  out_begin_ = out_end_ = 0;
  co_return true;
}

Task<> Session::write_all() {
  net::TurnTaking turns(stream_.loop());
  while (true) {
    bool sent = gather();
    events_.after_events();
    const std::size_t size = out_end_;
    const bool any = size != 0;
    if (sent && any) sent = co_await send_gathered();
    if (!sent) {
      stream_.reset();
      break;
    }
    if (any && writing()) {
      if (turns.moved(size)) co_await turns.yield();
      continue;
    }
    out_.release();
    if (finishing_) break;
    co_await wanted_.wait(no_deadline);
    wanted_.result();
  }
  out_begin_ = out_end_ = 0;
  out_.release();
}

net::Io Session::flush() {
  while (true) {
    if (out_begin_ == out_end_) {
      out_begin_ = out_end_ = 0;
      const bool whole = gather();
      events_.after_events();
      if (!whole) return net::Io::error;
      if (out_end_ == 0) {
        out_.release();
        return net::Io::ok;
      }
    }
    const iovec piece{out_.data() + out_begin_, out_end_ - out_begin_};
    const net::IoResult result = stream_.try_write({&piece, 1});
    out_begin_ += result.bytes;
    if (result.status != net::Io::ok) return result.status;
  }
}

void Session::finish() noexcept {
  finishing_ = true;
  want_write();
}

void Session::starve() noexcept {
  failed_ = starved_ = true;
  stream_.nudge_reader();
  want_write();
}

void Session::resume(std::int32_t stream, OutboundContent& content) noexcept {
  if (!content.resume(session_, stream)) starve();
  want_write();
}

void Session::consume_connection(std::size_t bytes) {
  if (nghttp2_session_consume_connection(session_, bytes) == NGHTTP2_ERR_NOMEM) starve();
  if (nghttp2_session_want_write(session_) != 0) want_write();
}

void Session::consume_stream(std::int32_t stream, std::size_t bytes) {
  if (nghttp2_session_consume_stream(session_, stream, bytes) == NGHTTP2_ERR_NOMEM) starve();
  if (nghttp2_session_want_write(session_) != 0) want_write();
}

void Session::reset_stream(std::int32_t stream, std::uint32_t error) {
  if (nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, error) == NGHTTP2_ERR_NOMEM) {
    starve();
  }
  want_write();
}

void Session::terminate(std::uint32_t error) {
  if (nghttp2_session_terminate_session(session_, error) == NGHTTP2_ERR_NOMEM) starve();
  want_write();
}

}  // namespace weir::codec::h2
