#include "weir/codec/h1/server_connection.hpp"

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

#include "codec/completion.hpp"
#include "codec/h1/head_reader.hpp"
#include "codec/h1/input.hpp"
#include "codec/h1/listener_limits.hpp"
#include "codec/h1/pipeline_turns.hpp"
#include "codec/h1/request_body.hpp"
#include "codec/h1/response_writer.hpp"
#include "codec/h1/socket_bytes.hpp"
#include "weir/base/age.hpp"
#include "weir/codec/linger.hpp"
#include "weir/codec/tunnel.hpp"

namespace weir::codec::h1 {
namespace {

// How long a drained connection may stay silent before it is closed.
constexpr Duration drain_idle = std::chrono::seconds(1);
constexpr unsigned most_interim = 8;

class Connection final : public ServerConnection,
                         private net::StreamObserver,
                         private InformationalSink {
 public:
  Connection(std::unique_ptr<net::Stream> stream, const ConnectionInfo& info,
             const config::Limits& limits, ServerHandler& handler)
      : stream_(std::move(stream)),
        loop_(stream_->loop()),
        info_(info),
        limits_(limits),
        handler_(handler),
        input_(*stream_),
        writer_(*stream_, limits.body_idle_timeout),
        interim_done_(loop_),
        ends_(end_of_age(loop_.now(), limits.connection_age)) {}

  Task<> run() override {
    TimePoint since = loop_.now();
    while (true) {
      const net::Io first = first_byte(since);
      if (first == net::Io::would_block) {
        const net::Io status = co_await stream_->wait_readable(wait_until_);
        if (status != net::Io::ok && status != net::Io::timeout) break;
        continue;
      }
      if (first != net::Io::ok) break;
      ++requests_;
      in_flight_ = true;
      After after = After::close;
      try {
        after = co_await serve_one();
      } catch (const std::bad_alloc&) {
        // The exchange has ended, and the connection ends with it.
      }
      stream_->set_observer(nullptr);
      exchange_ = nullptr;
      unasked_ = nullptr;
      in_flight_ = false;
      if (after == After::linger) co_await drop_rest();
      if (after != After::keep) break;
      const bool more = !input_.empty() || stream_->readable();
      if (more && turns_.over(loop_)) {
        co_await PipelineTurns::next(loop_);
        if (!stream_->is_open()) break;
      }
      since = loop_.now();
    }
    stream_->close();
    input_.consume(input_.bytes().size());
    input_.release();
  }

  void drain() noexcept override {
    draining_ = true;
    if (!in_flight_) stream_->nudge_reader();
  }
  void undrain() noexcept override { draining_ = false; }

  void abort() noexcept override {
    if (exchange_ != nullptr) exchange_->scope.cancel(Reason::draining);
    stream_->reset();
  }

  bool in_flight() const noexcept override { return in_flight_; }

 private:
  enum class After : std::uint8_t { keep, close, linger };

  bool closing() const noexcept {
    return draining_ || loop_.now() >= ends_ ||
           (limits_.requests_per_connection != 0 && requests_ >= limits_.requests_per_connection);
  }

  // Whether the first byte of a request is there: ok; would_block: to be waited for, since `since`
  // and until wait_until_; anything else: the connection is to end.
  net::Io first_byte(TimePoint since) {
    if (!input_.empty()) return net::Io::ok;
    const net::Io status = input_.fill();
    if (status != net::Io::would_block) return status;
    input_.release();
    wait_until_ =
        deadline_after(since, requests_ == 0 ? limits_.header_timeout : limits_.idle_timeout);
    // Past its age, or drained: a request on its way is waited for a moment.
    const bool aged = loop_.now() >= ends_;
    if (draining_ || aged) wait_until_ = std::min(wait_until_, since + drain_idle);
    if (!aged) wait_until_ = std::min(wait_until_, std::max(ends_, since + drain_idle));
    return loop_.now() >= wait_until_ ? net::Io::timeout : net::Io::would_block;
  }

  Task<After> serve_one() {
    Exchange exchange(info_, loop_.now());
    exchange.decisions.body_limit = limits_.body_size;
    Request request;
    exchange_ = &exchange;
    interim_count_ = 0;
    head_sent_ = continue_sent_ = false;
    Completion completion(handler_, loop_, request, exchange);
    Outcome& outcome = completion.outcome;
    After after = After::close;
    HeadReader reading(input_, info_, limits_);
    Result<bool> got = reading.take(request.head);
    // Most heads come in one piece.
    if (got && !*got) got = co_await reading.rest(request.head, exchange.context.started);
    exchange.fill_context().head_received = exchange.clock.last_activity = loop_.now();
    if (!got) {
      after = co_await refuse(got.error(), request, exchange, outcome);
    } else {
      const std::unique_ptr<RequestBody> body = begin_exchange(request, exchange);
      std::optional<Task<Response>> answering;
      std::unique_ptr<Response> refusal;
      Response* response = nullptr;
      try {
        answering.emplace(handler_.handle(request, exchange));
        co_await answering->finished();
        response = &answering->result();
      } catch (const std::bad_alloc&) {
        // Answered below: co_await is not allowed here.
      }
      try {
        if (response == nullptr) {
          const Error error{Reason::internal, Side::internal, "out of memory"};
          refusal = std::make_unique<Response>(handler_.refuse(error, exchange));
          response = refusal.get();
        }
        Writing writing{request, body.get(), *response, exchange, outcome};
        if (writing_interim_) co_await interim_written();
        // Most answers are there and taken at once.
        if (const auto ended = begin_response(writing)) {
          after = *ended;
        } else {
          after = co_await finish_response(writing);
        }
      } catch (const std::bad_alloc&) {
        outcome.reason = Reason::internal;
      }
      // The upload may still read the body: it ends before the body does. Memory for that is waited
      // for.
      while (!exchange.settle_now()) {
        try {
          co_await exchange.settle();
          break;
        } catch (const std::bad_alloc&) {
        }
        net::TurnTaking turn(loop_);
        co_await turn.yield();
      }
    }
    co_return after;
  }

  // The answer to bytes that never became a request.
  Task<After> refuse(Error error, Request& request, Exchange& exchange, Outcome& outcome) {
    Response refusal = handler_.refuse(error, exchange);
    if (error.reason == Reason::client_closed) {
      outcome.status = status_of(Reason::client_closed);
      outcome.reason = Reason::client_closed;
      co_return After::close;
    }
    request.head.keep_alive = false;
    request.head.version = Version::http11;
    Writing writing{request, nullptr, refusal, exchange, outcome};
    auto ended = begin_response(writing);
    if (!ended) ended = co_await finish_response(writing);
    co_return outcome.complete ? After::linger : *ended;
  }

  // Before the handler is asked for the answer: its content, null when there is none.
  std::unique_ptr<RequestBody> begin_exchange(Request& request, Exchange& exchange) {
    std::unique_ptr<RequestBody> body;
    if (request.head.framing != Framing::none) {
      std::function<Task<>()> continue_sender;
      if (request.head.expect_continue) continue_sender = [this] { return send_continue(); };
      body = std::make_unique<RequestBody>(
          input_, request.head, exchange, Progress(limits_.body_idle_timeout, limits_.body_rate),
          trailer_underscores(limits_), std::move(continue_sender));
      request.body = body.get();
      if (request.head.expect_continue) unasked_ = body.get();
    }
    if (request.head.version != Version::http10) exchange.interim = this;
    stream_->set_observer(this);
    if (stream_->peer_closed()) on_unread_edge(net::Ready::peer_closed);
    return body;
  }

  // What the writing of an answer needs.
  struct Writing {
    Request& request;
    RequestBody* body;
    Response& response;
    Exchange& exchange;
    Outcome& outcome;
    Delimit delimited = Delimit::close;
    bool keep = false;  // the connection carries another request behind this one
  };

  bool can_keep(const Writing& writing) {
    RequestBody* const body = writing.body;
    if (!writing.request.head.keep_alive || writing.exchange.decisions.close_after || closing() ||
        writing.delimited == Delimit::close || writing.response.reason == Reason::bad_request) {
      return false;
    }
    if (body == nullptr) return true;
    // With a streaming answer the upload may be reading the body right now: hands off.
    if (std::holds_alternative<BodyStream*>(writing.response.body)) return body->complete();
    return body->complete() || body->discard_rest();
  }

  // Sends what is there and is taken without waiting; nothing: finish_response() goes on.
  // REQUIRES: no interim answer is being written.
  std::optional<After> begin_response(Writing& writing) {
    auto& [request, body, response, exchange, outcome, delimited, keep] = writing;
    outcome.status = response.head.status;
    outcome.reason = response.reason;
    // Half a request, of one who may still read (client_half_close): 499 is for the log alone.
    if (response.reason == Reason::client_closed) exchange.scope.cancel(response.reason);
    if (exchange.scope.cancelled()) return client_left(exchange, outcome);
    delimited = delimit(request.head, response);
    keep = can_keep(writing);
    head_sent_ = true;
    const auto begun = writer_.begin(request.head, response, delimited, keep, exchange, outcome);
    if (begun == ResponseWriter::Begun::failed) return response_ended(writing, false);
    const bool tunnel = std::holds_alternative<ByteStream*>(response.body);
    if (begun == ResponseWriter::Begun::more || tunnel) return std::nullopt;
    return response_ended(writing, true);
  }

  Task<After> finish_response(Writing& writing) {
    const bool complete =
        co_await writer_.rest(writing.request.head, writing.response, writing.delimited,
                              writing.exchange, writing.outcome);
    auto* const tunnel = std::get_if<ByteStream*>(&writing.response.body);
    if (!complete || tunnel == nullptr) co_return response_ended(writing, complete);
    co_await serve_tunnel(**tunnel, writing.exchange);
    writing.outcome.complete = true;
    co_return After::close;
  }

  After response_ended(const Writing& writing, bool complete) {
    writing.outcome.complete = complete;
    if (!complete) return cut(writing.exchange, writing.outcome, writing.delimited);
    if (writing.keep) return After::keep;
    const bool all_read = (writing.body == nullptr || writing.body->complete()) && input_.empty();
    return all_read && !writing.request.head.keep_alive ? After::close : After::linger;
  }

  After client_left(const Exchange& exchange, Outcome& outcome) {
    outcome.reason = exchange.scope.reason();
    outcome.status = status_of(outcome.reason);
    stream_->reset();
    return After::close;
  }

  // The answer ended early: nobody may take what came for the whole.
  After cut(const Exchange& exchange, Outcome& outcome, Delimit delimited) {
    if (exchange.scope.cancelled()) return client_left(exchange, outcome);
    if (delimited == Delimit::close) stream_->reset();
    return After::close;
  }

  Task<> informational(const ResponseHead& head) override {
    co_await interim_written();
    if (head_sent_ || interim_count_ == most_interim) co_return;
    if (head.status == 100 && std::exchange(continue_sent_, true)) co_return;
    ++interim_count_;
    writing_interim_ = true;
    const bool written = co_await writer_.write_interim(head);
    writing_interim_ = false;
    interim_done_.notify();
    // Half a head may be out: nothing can follow it.
    if (!written && exchange_ != nullptr) exchange_->scope.cancel(Reason::client_closed);
  }

  // The upload, which asks for the content, and the answer's reader both send interim answers: one
  // at a time, and the final one after them.
  Task<> interim_written() {
    while (writing_interim_) {
      co_await interim_done_.wait(no_deadline);
      interim_done_.result();
    }
  }

  // The gateway pulls content for which the client may still be waiting to be asked.
  Task<> send_continue() {
    ResponseHead head;
    head.status = 100;
    co_await informational(head);
  }

  Task<> serve_tunnel(ByteStream& upstream, Exchange& exchange) {
    stream_->set_observer(nullptr);
    exchange.clock.last_activity = loop_.now();
    SocketBytes client(input_, exchange.clock);
    const TunnelEnd end = co_await run_tunnel(loop_, client, upstream);
    exchange.record.add_bytes_in(end.from_client);
    exchange.record.add_bytes_out(end.to_client);
  }

  // What came behind the answered request is dropped with what still comes, so that the answer is
  // read and not reset away.
  Task<> drop_rest() {
    input_.consume(input_.bytes().size());
    input_.release();
    return linger(*stream_);
  }

  void on_unread_edge(std::uint8_t ready) noexcept override {
    const bool gone = (ready & net::Ready::broken) != 0 ||
                      ((ready & net::Ready::peer_closed) != 0 &&
                       limits_.client_half_close == config::HalfClose::abort);
    if (gone && exchange_ != nullptr) exchange_->scope.cancel(Reason::client_closed);
    if (unasked_ != nullptr) unasked_->arrived();
  }

  const std::unique_ptr<net::Stream> stream_;
  net::Loop& loop_;
  const ConnectionInfo& info_;
  const config::Limits& limits_;
  ServerHandler& handler_;
  Input input_;
  ResponseWriter writer_;
  net::Waiter interim_done_;
  Deadline ends_;
  Deadline wait_until_ = no_deadline;  // for the first byte of a request
  Exchange* exchange_ = nullptr;       // the one being served
  RequestBody* unasked_ = nullptr;     // its content, where the client may wait to be asked for it
  std::uint64_t requests_ = 0;
  PipelineTurns turns_;
  unsigned interim_count_ = 0;
  bool in_flight_ = false;
  bool draining_ = false;
  bool head_sent_ = false;
  bool writing_interim_ = false;
  bool continue_sent_ = false;
};

}  // namespace

std::unique_ptr<ServerConnection> make_server_connection(std::unique_ptr<net::Stream> stream,
                                                         const ConnectionInfo& connection,
                                                         const config::Limits& limits,
                                                         ServerHandler& handler) {
  return std::make_unique<Connection>(std::move(stream), connection, limits, handler);
}

}  // namespace weir::codec::h1
