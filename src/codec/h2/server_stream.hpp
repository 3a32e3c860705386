// One request of an HTTP/2 client with its answer: gathers the head, gives the request to the
// handler, pulls the answer's content into the stream. Owned by its connection until the session
// has closed the stream and its task has ended. Worker thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "codec/h2/head_room.hpp"
#include "codec/h2/inbound_content.hpp"
#include "codec/h2/outbound_content.hpp"
#include "codec/h2/request_content.hpp"
#include "codec/h2/request_fields.hpp"
#include "codec/h2/session.hpp"
#include "weir/base/block_cache.hpp"
#include "weir/codec/progress.hpp"
#include "weir/http/exchange.hpp"
#include "weir/http/handler.hpp"

namespace weir::codec::h2 {

// What the streams of a connection share; outlives them.
struct ServerContext {
  Session& session;
  net::Loop& loop;
  const ConnectionInfo& info;
  const config::Limits& limits;
  ServerHandler& handler;
  HeadRoom heads;              // what the fields of live streams hold
  std::size_t queued = 0;      // content that came and was not read, of all streams
  std::size_t unreturned = 0;  // of the connection's window

  // The connection's window is given back as content comes, or one stream that nobody reads would
  // stop the others, but for a connection that makes us hold too much.
  void return_window() {
    if (unreturned == 0 || queued > most_queued) return;
    session.consume_connection(std::exchange(unreturned, 0));
  }
  static constexpr std::size_t most_queued = 4 * 1024 * 1024;
};

class ServerStream final : public Cached, private InformationalSink, private RequestContent::Owner {
 public:
  ServerStream(ServerContext& context, std::int32_t id);
  ~ServerStream();
  ServerStream(const ServerStream&) = delete;
  ServerStream& operator=(const ServerStream&) = delete;

  std::int32_t id() const noexcept { return id_; }

  // --- what came, in the session's callbacks: noted only
  // A field of the head, or of the section behind the content.
  void field(std::string_view name, std::string_view value);
  void head_complete(bool ended);
  bool head_is_complete() const noexcept { return head_complete_; }
  // Its head found room among those of the connection.
  bool has_room() const noexcept { return !no_room_; }
  // What its fields count that are kept, in bytes.
  std::size_t held() const noexcept { return held_; }
  // A field section that follows the head.
  void trailers_begin(bool ended);
  void content(Bytes bytes);
  void ended();
  // The session has closed the stream.
  void closed() noexcept { closed_ = true; }
  bool is_closed() const noexcept { return closed_; }
  void end_written() noexcept { end_written_ = true, outbound_.wake(); }
  // Its answer has begun, and it was sent whole.
  bool answer_begun() const noexcept { return head_sent_; }
  bool answered() const noexcept { return end_written_; }

  // --- after the callbacks
  // It is to be served, in its turn.
  void wait_for_turn() noexcept { waits_ = true; }
  bool waits_for_turn() const noexcept { return waits_; }
  // Serves the request to its end; the owner may destroy the stream when it has returned and the
  // session has closed it.
  Task<> serve();
  // There is no memory to serve it: resets the stream.
  void give_up();
  // Has serve() been called, and has it returned?
  bool started() const noexcept { return started_; }
  bool done() const noexcept { return done_; }
  // More of its content was to come.
  bool lacks_content() const noexcept { return content_ && !inbound_.ended(); }
  // An answer is still owed.
  bool active() const noexcept { return started_ && !done_; }
  // What followed its head is no message.
  bool is_malformed() const noexcept { return !malformed_.empty(); }
  // What came is no message: resets the stream, once, also behind a whole answer (RFC 9113
  // section 8.1.1).
  void reset_if_malformed();
  // The session has closed the stream: who works for an answer that was not sent whole stops.
  void client_left() noexcept {
    left_ = true;
    if (!end_written_) cancel(Reason::client_closed);
    outbound_.wake();
  }
  // There is no room for it: it will be reset, for the client to try again.
  void refuse_stream() {
    reset(NGHTTP2_REFUSED_STREAM);
    cancel(Reason::overloaded);
  }
  // Whoever works for it stops.
  void cancel(Reason reason) noexcept;

 private:
  Task<> answer(Outcome& outcome);
  Task<> answer_request(Outcome& outcome);
  Task<> refuse(const Error& error, Outcome& outcome);
  Task<> send(Response& response, Outcome& outcome);
  Task<> serve_tunnel(ByteStream& upstream, Response& response, Outcome& outcome);
  void submit_head(const Response& response, bool ended);
  Task<bool> send_content(BodyStream* body, Outcome& outcome);
  // Until what hangs has been taken or, with `whole`, the end was written; false: it never will.
  Task<bool> sent(bool whole, Progress& progress, Outcome& outcome);
  // Its fields count so much by now.
  void hold(std::size_t bytes) noexcept;
  void count_moved(Progress& progress) noexcept;
  // The client holds its window shut, which is not another stream's doing.
  bool client_stalls() const noexcept;
  void reset(std::uint32_t error);
  // Behind a whole answer: until the client has sent its end, 256 KiB or two seconds long.
  Task<> linger();

  Task<> informational(const ResponseHead& head) override;
  void content_taken(std::size_t bytes) noexcept override;
  void content_wanted() override;
  void queue_interim(const ResponseHead& head);

  ServerContext& context_;
  const std::int32_t id_;
  Exchange exchange_;
  Request request_;
  std::unique_ptr<RequestFields> fields_;  // until the head is complete
  std::optional<HeadFault> fault_;         // of the head
  std::optional<TrailerFields> trailer_fields_;
  InboundContent inbound_;
  OutboundContent outbound_;
  std::optional<RequestContent> content_;
  std::uint64_t received_ = 0;
  std::uint64_t counted_ = 0;  // of what the output took
  std::size_t held_ = 0;       // charged to context_.heads
  std::string malformed_;      // why what followed the head is no message; "" while it is one
  std::size_t lingered_ = 0;   // content that came while lingering_, and was dropped
  unsigned interim_count_ = 0;
  bool no_room_ = false;
  bool head_complete_ = false;
  bool extended_connect_ = false;
  bool waits_ = false;
  bool started_ = false;
  bool done_ = false;
  bool ended_ = false;  // by END_STREAM behind the head
  bool closed_ = false;
  bool reset_ = false;
  bool end_written_ = false;
  bool head_sent_ = false;
  bool continue_sent_ = false;
  bool lingering_ = false;
  bool left_ = false;
};

// A connection's, by id.
using ServerStreams = std::unordered_map<
    std::int32_t, std::unique_ptr<ServerStream>, std::hash<std::int32_t>, std::equal_to<>,
    CachedAllocator<std::pair<const std::int32_t, std::unique_ptr<ServerStream>>>>;

}  // namespace weir::codec::h2
