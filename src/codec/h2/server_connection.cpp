#include "weir/codec/h2/server_connection.hpp"

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

#include "codec/h2/client_conduct.hpp"
#include "codec/h2/frame_clock.hpp"
#include "codec/h2/goodbye.hpp"
#include "codec/h2/rest.hpp"
#include "codec/h2/server_stream.hpp"
#include "codec/h2/session.hpp"
#include "codec/h2/start_queue.hpp"
#include "codec/h2/stream_numbers.hpp"
#include "codec/h2/unfinished_head.hpp"
#include "weir/base/age.hpp"
#include "weir/codec/linger.hpp"
#include "weir/net/task_group.hpp"
#include "weir/net/turn_taking.hpp"

namespace weir::codec::h2 {
namespace {

// How long to linger for a client that is known to have read all answers.
constexpr Duration short_linger_time = std::chrono::milliseconds(250);

class Connection final : public ServerConnection, private SessionEvents {
 public:
  Connection(std::unique_ptr<net::Stream> stream, const ConnectionInfo& info,
             const config::Limits& limits, ServerHandler& handler)
      : stream_(std::move(stream)),
        loop_(stream_->loop()),
        limits_(limits),
        session_(*stream_, *this, SessionOptions::of(limits)),
        context_{session_, loop_, info, limits, handler, HeadRoom(limits)},
        tasks_(loop_),
        writer_(loop_),
        turns_(loop_),
        conduct_(loop_.now(), info.peer_trusted),
        frames_(loop_.now()),
        unfinished_(info, *stream_),
        ends_(end_of_age(loop_.now(), limits.connection_age)),
        idle_since_(loop_.now()) {}

  Task<> run() override {
    writer_.spawn(write());
    try {
      co_await read();
    } catch (const std::bad_alloc&) {
      stream_->reset();
    }
    const bool politely = stream_->is_open() && !gone_;
    // With an error of the connection only its GOAWAY goes out; what has not come never will.
    const bool all_end = !politely || !session_.reading();
    for (auto& [id, stream] : streams_) {
      if (all_end || stream->lacks_content()) stream->client_left();
    }
    while (!start_some()) co_await turns_.yield();
    while (tasks_.size() != 0) co_await tasks_.ended();
    session_.finish();
    while (writer_.size() != 0) co_await writer_.ended();
    if (politely && stream_->is_open()) {
      const bool read = goodbye_.has_read_until(idle_since_);
      co_await linger(*stream_, read ? short_linger_time : longest_linger);
    }
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

  bool in_flight() const noexcept override { return tasks_.size() != 0 || !starts_.empty(); }

 private:
  // --- SessionEvents
  bool on_frame_begins(const nghttp2_frame_hd& frame) override {
    frames_.begins(frame, loop_.now());
    if (frame.type == NGHTTP2_HEADERS && !numbers_.may_open(frame.stream_id)) {
      end_with_ = NGHTTP2_PROTOCOL_ERROR;
    }
    if (frame.type == NGHTTP2_SETTINGS) queued_before_ = queued_frames();
    return conduct_.frame_begins(frame, loop_.now());
  }

  void on_fields_begin(const nghttp2_frame& frame) override {
    const std::int32_t id = frame.hd.stream_id;
    if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
      if (open_ >= limits_.h2_streams || conduct_.is_away()) {
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

  void on_field(const nghttp2_frame&, std::string_view name, std::string_view value) override {
    if (current_ != nullptr) current_->field(name, value);
  }

  void on_content(std::int32_t id, Bytes content) override {
    context_.unreturned += content.size();
    conduct_.useful_frame();  // a padded frame may hold nothing and costs first
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
            conduct_.useful_frame();
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
        conduct_.gives_up(request_on(frame.hd.stream_id), loop_.now());
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
      // A stream that has no room is refused; one that was never taken is one too many.
      const bool refused = find(frame.hd.stream_id) != nullptr;
      conduct_.is_reset(frame.rst_stream.error_code, refused, loop_.now());
    } else if (frame.hd.type == NGHTTP2_DATA) {
      conduct_.useful_frame();
    } else if (frame.hd.type == NGHTTP2_GOAWAY && goodbye_.goaway_written()) {
      stream_->nudge_reader();
    }
    const bool content = frame.hd.type == NGHTTP2_DATA || frame.hd.type == NGHTTP2_HEADERS;
    const bool ends = content && (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (ServerStream* const stream = ends ? find(frame.hd.stream_id) : nullptr) {
      if (!stream->done() && !stream->answered()) ++answered_;
      stream->end_written();
    }
  }

  void on_stream_closed(std::int32_t id, std::uint32_t error) override {
    ServerStream* const stream = find(id);
    if (stream == nullptr) return;
    if (stream == current_) current_ = nullptr;
    // A fault behind a whole answer is one all the same.
    const bool good = error == NGHTTP2_NO_ERROR && !stream->is_malformed();
    if (good && stream->answered()) conduct_.answered();
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
    // A client that makes us answer and does not read, or a head that does not end.
    const std::size_t decoded = current_ == nullptr ? 0 : current_->held();
    const bool room = unfinished_.holds(decoded + frames_.in_parts(session_.bytes_fed()));
    if (conduct_.is_cut_off() || queued_frames() > ClientConduct::most_queued_frames || !room) {
      end_with_ = NGHTTP2_ENHANCE_YOUR_CALM;
    }
    if (conduct_.is_away() && away_until_ == no_deadline) {
      away_until_ = loop_.now() + ClientConduct::longest_farewell;
      goodbye_.send_away(session_, NGHTTP2_ENHANCE_YOUR_CALM);
      stream_->nudge_reader();
    }
    if (end_with_ != NGHTTP2_NO_ERROR && session_.reading()) session_.terminate(end_with_);
    // Perhaps its GOAWAY is out: the reader waits for nothing.
    if (!session_.reading()) stream_->nudge_reader();
  }

  std::size_t queued_frames() const noexcept {
    return nghttp2_session_get_outbound_queue_size(session_.native());
  }
  ServerStream* find(std::int32_t id) noexcept {
    const auto at = streams_.find(id);
    return at == streams_.end() ? nullptr : at->second.get();
  }
  ClientConduct::Request request_on(std::int32_t id) noexcept {
    const ServerStream* const stream = find(id);
    if (stream == nullptr || stream->answered()) return ClientConduct::Request::over;
    return stream->answer_begun() ? ClientConduct::Request::being_answered
                                  : ClientConduct::Request::unanswered;
  }
  void touch(const ServerStream& stream) {
    if (touched_.empty() || touched_.back() != stream.id()) touched_.push_back(stream.id());
  }

  void see_to(std::int32_t id) {
    ServerStream* const stream = find(id);
    if (stream == nullptr) return;
    stream->reset_if_malformed();
    if (stream->is_closed()) stream->client_left();
    if (stream->head_is_complete() && !stream->waits_for_turn()) {
      const bool room = tasks_.size() - answered_ + starts_.size() < limits_.h2_streams + slack;
      if (!room || !stream->has_room()) stream->refuse_stream();
      starts_.push(id);
      stream->wait_for_turn();
    } else if (stream->is_closed() && (stream->done() || !stream->head_is_complete())) {
      streams_.erase(id);
    }
  }

  // Begins to serve what waits for it; false when more waits than this turn of the loop may take,
  // or than there is memory for.
  bool start_some() {
    while (!starts_.empty()) {
      if (starts_.turn_is_over(loop_.now())) return false;
      try {
        tasks_.spawn(serve(*find(starts_.front())));
      } catch (const std::bad_alloc&) {
        return false;
      }
      starts_.pop();
    }
    return true;
  }

  Task<> serve(ServerStream& stream) {
    try {
      co_await stream.serve();
    } catch (const std::bad_alloc&) {
      stream.give_up();
    }
    if (stream.answered()) --answered_;
    idle_since_ = loop_.now();
    if (stream.is_closed()) streams_.erase(stream.id());
    if (tasks_.size() == 1 && (goodbye_.said() || !session_.reading())) stream_->nudge_reader();
  }

  // Once nothing can be sent any more, nobody waits for an answer, whoever still reads.
  Task<> write() {
    try {
      co_await session_.write_all();
    } catch (const std::bad_alloc&) {
      stream_->reset();
    }
    if (stream_->is_open()) co_return;
    for (auto& [id, stream] : streams_) stream->client_left();
  }

  // Takes what comes until the connection is to end; with answers still owed they are sent after.
  Task<> read() {
    while (true) {
      if (!stream_->is_open()) co_return;
      if (!start_some()) {
        co_await turns_.yield();
        continue;
      }
      if (loop_.now() >= away_until_ || unfinished_.gave_way()) {
        session_.terminate(NGHTTP2_ENHANCE_YOUR_CALM);
      }
      if (!session_.reading()) co_return;
      // Of SETTINGS whose beginning came before: what was queued meanwhile is not their doing.
      queued_before_ = queued_frames();
      const std::uint64_t before = work_done();
      net::Io status = session_.receive();
      if (status == net::Io::ok) {
        if (turns_.moved(work_done() - before)) co_await turns_.yield();
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

  // What has come so far, as it weighs in a turn of the loop.
  std::uint64_t work_done() const noexcept { return session_.bytes_fed() + conduct_.frame_work(); }

  bool closing() const noexcept {
    return draining_ || loop_.now() >= ends_ ||
           (limits_.requests_per_connection != 0 && requests_ >= limits_.requests_per_connection);
  }

  // Does what is due; until when the connection may wait, or TimePoint{} when it is to end.
  Deadline next_duty() {
    const TimePoint now = loop_.now();
    const bool busy = in_flight();
    const Deadline head_end = frames_.owes(session_.bytes_fed())
                                  ? deadline_after(frames_.since(), limits_.header_timeout)
                                  : no_deadline;
    const Duration patience = requests_ == 0 ? limits_.header_timeout : limits_.idle_timeout;
    const Deadline idle_end = deadline_after(idle_since_, patience);
    if (now >= head_end || (!busy && now >= idle_end)) {
      session_.terminate(NGHTTP2_NO_ERROR);
      return {};
    }
    Deadline until = busy ? deadline_after(now, limits_.idle_timeout) : idle_end;
    const Deadline rest = rest_.take(session_, busy, std::max(idle_since_, frames_.since()), now);
    until = std::min({until, head_end, rest, away_until_});
    if (conduct_.is_away()) return busy ? until : TimePoint{};
    if (!closing() && !goodbye_.begun()) return std::min(until, ends_);
    // One that has asked nothing yet is waited for a moment, so that it is not turned away.
    const Deadline first = idle_since_ + Goodbye::patience;
    if (requests_ == 0 && now < first) return std::min(until, first);
    const Deadline next = goodbye_.say(session_, now);
    if (next == TimePoint{} && !busy) return {};
    return next == TimePoint{} ? until : std::min(until, next);
  }

  // Tasks beyond the streams a client may have open: those that it gave up, and that wind up.
  static constexpr std::size_t slack = 8;

  const std::unique_ptr<net::Stream> stream_;
  net::Loop& loop_;
  const config::Limits& limits_;
  Session session_;
  ServerContext context_;
  ServerStreams streams_;
  std::vector<std::int32_t> touched_;  // to be seen to after the callbacks
  StreamNumbers numbers_;
  std::size_t queued_before_ = 0;      // the SETTINGS that are coming
  std::size_t open_ = 0;               // streams, as the client counts
  std::size_t answered_ = 0;           // of tasks_: they only wind up
  std::vector<std::int32_t> refused_;  // beyond that, to be reset
  ServerStream* current_ = nullptr;    // whose fields are coming
  StartQueue starts_;
  net::TaskGroup tasks_;
  net::TaskGroup writer_;
  net::TurnTaking turns_;
  ClientConduct conduct_;
  FrameClock frames_;
  UnfinishedHead unfinished_;
  Goodbye goodbye_;
  Rest rest_;
  Deadline ends_;
  Deadline away_until_ = no_deadline;  // of a client that was sent away
  TimePoint idle_since_;               // while no task runs
  std::uint64_t requests_ = 0;
  bool draining_ = false;
  bool gone_ = false;                          // the client is: nobody waits for answers
  std::uint32_t end_with_ = NGHTTP2_NO_ERROR;  // another: the client is cut off
};

}  // namespace

std::unique_ptr<ServerConnection> make_server_connection(std::unique_ptr<net::Stream> stream,
                                                         const ConnectionInfo& connection,
                                                         const config::Limits& limits,
                                                         ServerHandler& handler) {
  return std::make_unique<Connection>(std::move(stream), connection, limits, handler);
}

}  // namespace weir::codec::h2
