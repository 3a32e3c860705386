#include "weir/codec/h2/server_connection.hpp"

#include <algorithm>
#include <random>
#include <unordered_map>
#include <utility>
#include <vector>

#include "codec/h2/flood_guard.hpp"
#include "codec/h2/goodbye.hpp"
#include "codec/h2/rest.hpp"
#include "codec/h2/server_stream.hpp"
#include "codec/h2/session.hpp"
#include "weir/base/block_cache.hpp"
#include "weir/net/task_group.hpp"
#include "weir/net/turn_taking.hpp"

namespace weir::codec::h2 {
namespace {

constexpr std::size_t frame_header = 9;
constexpr std::size_t preface_size = NGHTTP2_CLIENT_MAGIC_LEN;
constexpr std::size_t most_skipped = 16;
constexpr std::size_t most_queued_frames = 2000;
constexpr std::size_t linger_bytes = 256 * 1024;
constexpr Duration linger_time = std::chrono::seconds(2);
// What the heads of a connection's live streams may count together.
constexpr std::size_t most_held_heads = 1024 * 1024;

// `age` less up to a tenth, so that connections opened together do not end together.
Deadline aged(TimePoint now, Duration age) {
  if (age == Duration::zero()) return no_deadline;
  thread_local std::minstd_rand random(std::random_device{}());
  return now + age - age / 10 * std::uniform_int_distribution<int>(0, 100)(random) / 100;
}

SessionOptions options(const config::Limits& limits) noexcept {
  SessionOptions out;
  out.most_streams = static_cast<std::uint32_t>(limits.h2_streams);
  out.header_list_size = static_cast<std::uint32_t>(limits.header_size);
  out.stall = limits.body_idle_timeout;
  return out;
}

class Connection final : public ServerConnection, private SessionEvents {
 public:
  Connection(std::unique_ptr<net::Stream> stream, const ConnectionInfo& info,
             const config::Limits& limits, ServerHandler& handler)
      : stream_(std::move(stream)),
        loop_(stream_->loop()),
        limits_(limits),
        session_(*stream_, *this, options(limits)),
        context_{session_, loop_, info, limits, handler},
        tasks_(loop_),
        writer_(loop_),
        guard_(loop_.now()),
        ends_(aged(loop_.now(), limits.connection_age)),
        idle_since_(loop_.now()),
        frame_since_(loop_.now()) {}

  Task<> run() override {
    writer_.spawn(write());
    co_await read();
    const bool politely = stream_->is_open() && !gone_;
    // With an error of the connection only its GOAWAY goes out; what has not come never will.
    const bool all_end = !politely || !session_.reading();
    for (auto& [id, stream] : streams_) {
      if (all_end || stream->lacks_content()) stream->client_left();
    }
    co_await tasks_.join();
    session_.finish();
    co_await writer_.join();
    if (politely && stream_->is_open()) co_await linger();
    stream_->close();
    streams_.clear();
  }

  void drain() noexcept override {
    draining_ = true;
    stream_->nudge_reader();
  }
  void undrain() noexcept override { draining_ = false; }

  void abort() noexcept override {
    for (auto& [id, stream] : streams_) {
      if (stream->active()) stream->cancel(Reason::draining);
    }
    stream_->reset();
  }

  bool in_flight() const noexcept override { return tasks_.size() != 0; }

 private:
  // --- SessionEvents
  bool on_frame_begins(const nghttp2_frame_hd& frame) override {
    frame_end_ += frame_header + frame.length;
    if (frame.type != NGHTTP2_CONTINUATION) frame_since_ = loop_.now();
    in_fields_ = (frame.type == NGHTTP2_HEADERS || frame.type == NGHTTP2_CONTINUATION) &&
                 (frame.flags & NGHTTP2_FLAG_END_HEADERS) == 0;
    in_content_ = frame.type == NGHTTP2_DATA;
    if (frame.type == NGHTTP2_HEADERS && !may_open(frame.stream_id)) {
      end_with_ = NGHTTP2_PROTOCOL_ERROR;
    }
    if (frame.type == NGHTTP2_SETTINGS) queued_before_ = queued_frames();
    const bool has_content = frame.length != 0 && (frame.flags & NGHTTP2_FLAG_PADDED) == 0;
    const bool moves = frame.type == NGHTTP2_HEADERS || frame.type == NGHTTP2_CONTINUATION ||
                       frame.type == NGHTTP2_RST_STREAM || frame.type == NGHTTP2_GOAWAY ||
                       (frame.type == NGHTTP2_DATA &&
                        (has_content || (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0));
    return moves || guard_.idle_frame(loop_.now());
  }

  void on_fields_begin(const nghttp2_frame& frame) override {
    const std::int32_t id = frame.hd.stream_id;
    if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
      if (open_ >= limits_.h2_streams) {
        refused_.push_back(id);
        current_ = nullptr;
        return;
      }
      ++open_;
      current_ =
          streams_.emplace(id, std::make_unique<ServerStream>(context_, id)).first->second.get();
      return;
    }
    current_ = find(id);
    if (current_ != nullptr && current_->head_is_complete()) {
      current_->trailers_begin((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0);
    }
  }

  bool on_field(const nghttp2_frame&, std::string_view name, std::string_view value) override {
    return current_ == nullptr || current_->field(name, value);
  }

  void on_content(std::int32_t id, Bytes content) override {
    context_.unreturned += content.size();
    guard_.useful_frame();  // a padded frame may hold nothing and costs first
    ServerStream* const stream = find(id);
    if (stream == nullptr) return;
    stream->content(content);
    touch(*stream);
  }

  void on_frame(const nghttp2_frame& frame) override {
    const bool ended = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame.hd.type) {
      case NGHTTP2_HEADERS:
        if (ServerStream* const stream = std::exchange(current_, nullptr)) {
          if (!stream->head_is_complete()) {
            stream->head_complete(ended);
            ++requests_;
            guard_.useful_frame();
          } else if (ended) {
            stream->ended();
          }
          touch(*stream);
        }
        break;
      case NGHTTP2_DATA:
        if (ServerStream* const stream = ended ? find(frame.hd.stream_id) : nullptr) {
          stream->ended();
          touch(*stream);
        }
        break;
      case NGHTTP2_RST_STREAM:
        if (!guard_.reset(loop_.now())) end_with_ = NGHTTP2_ENHANCE_YOUR_CALM;
        break;
      case NGHTTP2_SETTINGS:
        // Besides the acknowledgement: resets of streams whose windows these made too large, which
        // is an error of the connection (RFC 9113 section 6.9.2).
        if (queued_frames() > queued_before_ + 1) end_with_ = NGHTTP2_FLOW_CONTROL_ERROR;
        break;
      case NGHTTP2_PING:
        if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) goodbye_.pong(frame.ping.opaque_data);
        break;
      default:
        break;
    }
  }

  void on_frame_written(const nghttp2_frame& frame) override {
    if (frame.hd.type == NGHTTP2_RST_STREAM) {
      const std::uint32_t error = frame.rst_stream.error_code;
      // The client's doing, be it that we say so.
      const bool provoked =
          error != NGHTTP2_NO_ERROR && error != NGHTTP2_INTERNAL_ERROR && error != NGHTTP2_CANCEL;
      if (provoked && !guard_.reset(loop_.now())) end_with_ = NGHTTP2_ENHANCE_YOUR_CALM;
    } else if (frame.hd.type == NGHTTP2_DATA) {
      guard_.useful_frame();
    } else if (frame.hd.type == NGHTTP2_GOAWAY && goodbye_.goaway_written()) {
      stream_->nudge_reader();
    }
    if ((frame.hd.type == NGHTTP2_DATA || frame.hd.type == NGHTTP2_HEADERS) &&
        (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      if (ServerStream* const stream = find(frame.hd.stream_id)) stream->end_written();
    }
  }

  void on_stream_closed(std::int32_t id, std::uint32_t) override {
    ServerStream* const stream = find(id);
    if (stream == nullptr) return;
    if (stream == current_) current_ = nullptr;
    --open_;
    stream->closed();
    touch(*stream);
  }

  void after_events() override {
    // What is noted meanwhile is seen to as well.
    for (const std::int32_t id : refused_) session_.reset_stream(id, NGHTTP2_REFUSED_STREAM);
    refused_.clear();
    for (std::size_t i = 0; i < touched_.size(); ++i) see_to(touched_[i]);
    touched_.clear();
    context_.return_window();
    // A client that makes us answer and does not read.
    if (queued_frames() > most_queued_frames) end_with_ = NGHTTP2_ENHANCE_YOUR_CALM;
    if (end_with_ != NGHTTP2_NO_ERROR && session_.reading()) {
      session_.terminate(end_with_);
    }
    // Perhaps its GOAWAY is out: the reader waits for nothing.
    if (!session_.reading()) stream_->nudge_reader();
  }

  // RFC 9113 section 5.1.1: a client's numbers go up, and those it left out are closed. nghttp2
  // takes them for streams that have ended.
  bool may_open(std::int32_t id) {
    if (id > highest_) {
      if (id > highest_ + 2 && skipped_.size() < most_skipped) {
        skipped_.emplace_back(highest_ + 2, id - 2);
      }
      highest_ = id;
      return true;
    }
    return std::ranges::none_of(
        skipped_, [id](const auto& range) { return range.first <= id && id <= range.second; });
  }
  std::size_t queued_frames() const noexcept {
    return nghttp2_session_get_outbound_queue_size(session_.native());
  }
  ServerStream* find(std::int32_t id) noexcept {
    const auto at = streams_.find(id);
    return at == streams_.end() ? nullptr : at->second.get();
  }
  void touch(const ServerStream& stream) {
    if (touched_.empty() || touched_.back() != stream.id()) touched_.push_back(stream.id());
  }

  void see_to(std::int32_t id) {
    ServerStream* const stream = find(id);
    if (stream == nullptr) return;
    stream->reset_if_malformed();
    if (stream->is_closed()) stream->client_left();
    if (stream->head_is_complete() && !stream->started()) {
      const bool room =
          tasks_.size() < limits_.h2_streams + slack && context_.held_heads <= most_held_heads;
      if (!room) stream->refuse_stream();
      tasks_.spawn(serve(*stream));
    } else if (stream->is_closed() && (stream->done() || !stream->head_is_complete())) {
      streams_.erase(id);
    }
  }

  Task<> serve(ServerStream& stream) {
    co_await stream.serve();
    idle_since_ = loop_.now();
    if (stream.is_closed()) streams_.erase(stream.id());
    if (tasks_.size() == 1 && (goodbye_.said() || !session_.reading())) stream_->nudge_reader();
  }

  // Once nothing can be sent any more, nobody waits for an answer, whoever still reads.
  Task<> write() {
    co_await session_.write_all();
    if (stream_->is_open()) co_return;
    for (auto& [id, stream] : streams_) stream->client_left();
  }

  // Takes what comes until the connection is to end; with answers still owed they are sent after.
  Task<> read() {
    net::TurnTaking turns(loop_);
    while (session_.reading()) {
      // Of SETTINGS whose beginning came before: what was queued meanwhile is not their doing.
      queued_before_ = queued_frames();
      net::Io status = session_.receive();
      if (status == net::Io::ok) {
        if (turns.moved(BufferPool::small_size)) co_await turns.yield();
        continue;
      }
      if (status == net::Io::would_block) {
        const Deadline until = next_duty();
        if (until == TimePoint{}) co_return;
        status = co_await stream_->wait_readable(until);
        if (status == net::Io::ok || status == net::Io::timeout) continue;
      }
      // After a FIN answers may still be wanted.
      gone_ = status != net::Io::eof || limits_.client_half_close == config::HalfClose::abort;
      co_return;
    }
  }

  bool closing() const noexcept {
    return draining_ || loop_.now() >= ends_ ||
           (limits_.requests_per_connection != 0 && requests_ >= limits_.requests_per_connection);
  }

  // Does what is due; until when the connection may wait, or TimePoint{} when it is to end.
  Deadline next_duty() {
    const TimePoint now = loop_.now();
    const bool busy = in_flight();
    // Within a frame that is no content, or between those of one field section.
    const bool reading_head = in_fields_ || (!in_content_ && session_.bytes_fed() < frame_end_);
    const Deadline head_end =
        reading_head ? deadline_after(frame_since_, limits_.header_timeout) : no_deadline;
    if (now >= head_end) {
      session_.terminate(NGHTTP2_NO_ERROR);
      return {};
    }
    const Duration patience = requests_ == 0 ? limits_.header_timeout : limits_.idle_timeout;
    const Deadline idle_end = deadline_after(idle_since_, patience);
    if (!busy && now >= idle_end) {
      session_.terminate(NGHTTP2_NO_ERROR);
      return {};
    }
    Deadline until = busy ? deadline_after(now, limits_.idle_timeout) : idle_end;
    const Deadline rest = rest_.take(session_, busy, std::max(idle_since_, frame_since_), now);
    until = std::min({until, head_end, rest});
    if (!closing() && !goodbye_.begun()) return std::min(until, ends_);
    // One that has asked nothing yet is waited for a moment, so that it is not turned away.
    const Deadline first = idle_since_ + Goodbye::patience;
    if (requests_ == 0 && now < first) return std::min(until, first);
    const Deadline next = goodbye_.say(session_, now);
    if (next == TimePoint{} && !busy) return {};
    return next == TimePoint{} ? until : std::min(until, next);
  }

  // Sends the FIN and takes what still comes for a while, so that what was said last is read and
  // not reset away.
  Task<> linger() {
    stream_->shutdown_write();
    const Deadline until = loop_.now() + linger_time;
    std::size_t taken = 0;
    while (taken < linger_bytes && loop_.now() < until) {
      net::Io status = net::Io::ok;
      {
        Buffer buffer = loop_.buffers().borrow();
        const net::IoResult got = stream_->try_read(buffer.span());
        status = got.status;
        taken += got.bytes;
      }
      if (status == net::Io::would_block) status = co_await stream_->wait_readable(until);
      if (status != net::Io::ok) break;
    }
  }

  // Tasks beyond the streams a client may have open: answered ones that are being wound up.
  static constexpr std::size_t slack = 8;

  const std::unique_ptr<net::Stream> stream_;
  net::Loop& loop_;
  const config::Limits& limits_;
  Session session_;
  ServerContext context_;
  using StreamEntry = std::pair<const std::int32_t, std::unique_ptr<ServerStream>>;
  std::unordered_map<std::int32_t, std::unique_ptr<ServerStream>, std::hash<std::int32_t>,
                     std::equal_to<>, CachedAllocator<StreamEntry>>
      streams_;
  std::vector<std::int32_t> touched_;  // to be seen to after the callbacks
  std::int32_t highest_ = -1;          // of the numbers the client has used
  std::vector<std::pair<std::int32_t, std::int32_t>> skipped_;  // ranges that it never will
  std::size_t queued_before_ = 0;                               // the SETTINGS that are coming
  std::size_t open_ = 0;                                        // streams, as the client counts
  std::vector<std::int32_t> refused_;                           // beyond that, to be reset
  ServerStream* current_ = nullptr;                             // whose fields are coming
  net::TaskGroup tasks_;
  net::TaskGroup writer_;
  FloodGuard guard_;
  Goodbye goodbye_;
  Rest rest_;
  Deadline ends_;
  TimePoint idle_since_;                    // while no task runs
  TimePoint frame_since_;                   // the last frame, or the first of its field section
  std::uint64_t frame_end_ = preface_size;  // where it ends, of what was fed
  std::uint64_t requests_ = 0;
  bool in_fields_ = false;   // of a field section that has not ended
  bool in_content_ = false;  // of DATA
  bool draining_ = false;
  bool gone_ = false;                          // the client is: nobody waits for answers
  std::uint32_t end_with_ = NGHTTP2_NO_ERROR;  // another: the client is to be sent away
};

}  // namespace

std::unique_ptr<ServerConnection> make_server_connection(std::unique_ptr<net::Stream> stream,
                                                         const ConnectionInfo& connection,
                                                         const config::Limits& limits,
                                                         ServerHandler& handler) {
  return std::make_unique<Connection>(std::move(stream), connection, limits, handler);
}

}  // namespace weir::codec::h2
