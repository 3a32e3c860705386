// One nghttp2 session on one connection, of either side: what comes is fed to it, what it wants to
// send is gathered into one write a turn by its one writer. Everything of the session is called
// here or through native(), never from within its own callbacks. Owned by a connection, worker
// thread only.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "codec/h2/late_frames.hpp"
#include "codec/h2/session_memory.hpp"
#include "weir/base/buffer.hpp"
#include "weir/codec/progress.hpp"
#include "weir/http/body.hpp"
#include "weir/net/stream.hpp"
#include "weir/net/waiter.hpp"

namespace weir::config {
struct Limits;
}

namespace weir::codec::h2 {

class OutboundContent;

// What a session tells its connection, from within feed() and from the writer: it may note what
// came, and must not call the session.
class SessionEvents {
 public:
  // A frame's header came. False: nothing more is taken from this peer, and feed() ends the session
  // with ENHANCE_YOUR_CALM.
  virtual bool on_frame_begins(const nghttp2_frame_hd& frame) = 0;
  // A HEADERS frame's fields follow: a head's or a trailer section's.
  virtual void on_fields_begin(const nghttp2_frame& frame) = 0;
  // One of them, decoded but not checked at all.
  virtual void on_field(const nghttp2_frame& frame, std::string_view name,
                        std::string_view value) = 0;
  // DATA; `content` is valid during the call. The connection's window is not given back yet.
  virtual void on_content(std::int32_t stream, Bytes content) = 0;
  // A frame is complete, a header block with its CONTINUATIONs; flags say whether the stream ends.
  virtual void on_frame(const nghttp2_frame& frame) = 0;
  // It was put into the output, not necessarily sent.
  virtual void on_frame_written(const nghttp2_frame& frame) = 0;
  // The stream is over, by END_STREAMs (NGHTTP2_NO_ERROR) or by a reset of either side.
  virtual void on_stream_closed(std::int32_t stream, std::uint32_t error) = 0;
  // Behind each batch of the above, outside of the session: now it may be called.
  virtual void after_events() = 0;

 protected:
  ~SessionEvents() = default;
};

// What our first SETTINGS say, and what is not taken beyond it; all windows in bytes.
struct SessionOptions {
  // What a section may count where `header_size` is the limit: what is a little more is told so,
  // much more is an attack on memory.
  static constexpr std::size_t section_of(std::size_t header_size) noexcept {
    return 2 * header_size + 64 * 1024;
  }

  // Of a listener's connections.
  static SessionOptions of(const config::Limits& limits) noexcept;

  bool server = true;
  // The peer may have open at a time. Of a server this is only said: whoever owns the session
  // refuses what is too much, since nghttp2 would end the connection for it.
  std::uint32_t most_streams = 100;
  std::uint32_t header_list_size = 64 * 1024;
  // What the fields of one section may count (RFC 9113 section 6.5.2), a head's or trailers',
  // whoever they are for: beyond it the session ends with ENHANCE_YOUR_CALM.
  std::size_t most_section = 192 * 1024;
  std::uint32_t stream_window = 256 * 1024;
  std::uint32_t connection_window = 1024 * 1024;
  Duration stall{};  // in each such period of waiting the peer must take 1 KiB; zero: unbounded
};

class Session {
 public:
  // `stream` and `events` outlive it. Queues the preface and our SETTINGS.
  Session(net::Stream& stream, SessionEvents& events, const SessionOptions& options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Reads what is there without waiting and feeds it: ok, would_block, eof or error. Nothing is
  // read any more once reading() is false.
  net::Io receive();
  void feed(Bytes bytes);
  // All that was fed so far.
  std::uint64_t bytes_fed() const noexcept { return bytes_fed_; }
  // Frames are still taken: no GOAWAY for an error of the connection is out or on its way.
  bool reading() const noexcept;
  // Whether something is left to be sent.
  bool writing() const noexcept;

  // The writer: runs until finish() and all is sent, or the connection fails, which closes the
  // stream. Spawned once, in a group that is joined before the session goes.
  Task<> write_all();
  // The writer of a connection without a task: writes what is queued until all is sent (ok), the
  // kernel takes no more (would_block: again when it does), or the connection fails (error).
  net::Io flush();
  // What that writer awaits: want_write() was called. It may be destroyed while it waits, then the
  // session must be, too.
  auto write_wanted() noexcept {
    wanted_.reset();
    return wanted_.wait(no_deadline);
  }
  // To be called after anything that queued a frame; many calls a turn are one write.
  void want_write() noexcept { wanted_.notify(); }
  // Gives memory back that holds nothing: to be called when nothing has moved for a while. What
  // moves next takes it again.
  void rest() noexcept;
  // The writer ends when what is queued has been sent.
  void finish() noexcept;

  // Gives windows back to the peer; small amounts are gathered.
  // Sends what was offered to a stream whose head was submitted.
  void resume(std::int32_t stream, OutboundContent& content) noexcept;
  // What the peer has to be told and there is no memory for: it would wait for that for ever, so
  // the connection ends.
  bool starved() const noexcept { return starved_; }
  void consume_connection(std::size_t bytes);
  void consume_stream(std::int32_t stream, std::size_t bytes);
  void reset_stream(std::int32_t stream, std::uint32_t error);
  // GOAWAY with the last stream that was taken, then nothing more is read.
  void terminate(std::uint32_t error);

  net::Stream& stream() noexcept { return stream_; }
  nghttp2_session* native() const noexcept { return session_; }

 private:
  struct Callbacks;
  // Moves frames into the output until it is full or there are none; false when it is broken.
  bool gather();
  // Puts our limit of streams into the SETTINGS at `frame`, in the output.
  void announce_streams(std::byte* frame, std::size_t size) noexcept;
  bool has_room(std::size_t bytes) const noexcept { return out_.size() - out_end_ >= bytes; }
  void append(const void* bytes, std::size_t size) noexcept;
  Task<bool> send_gathered();
  void starve() noexcept;

  net::Stream& stream_;
  SessionEvents& events_;
  SessionMemory memory_;
  nghttp2_session* session_ = nullptr;
  net::Waiter wanted_;
  Duration stall_;
  const bool server_;
  const std::size_t most_section_;
  std::size_t section_ = 0;  // what the fields of the section that comes count so far
  LateFrames late_frames_;
  std::uint32_t unannounced_streams_ = 0;  // the limit, until our first SETTINGS are in the output
  Buffer out_;                             // borrowed while something is in it
  std::size_t out_begin_ = 0;
  std::size_t out_end_ = 0;
  std::uint64_t bytes_fed_ = 0;
  std::size_t read_size_ = BufferPool::small_size;
  bool full_ = false;  // the output has no room for the frame whose turn it is
  bool finishing_ = false;
  bool failed_ = false;   // it must not be fed any more
  bool starved_ = false;  // for lack of memory
};

}  // namespace weir::codec::h2
