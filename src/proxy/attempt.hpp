// One try of a request on one upstream connection: the head out, the upload pumped beside it, the
// final head in, the answer's content pulled by the codec. Owned by the exchange, worker thread
// only.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/upstream_record.hpp"
#include "weir/base/grpc_status.hpp"
#include "weir/codec/client_exchange.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/net/task_group.hpp"
#include "weir/upstream/lease.hpp"

namespace weir::proxy {

// How long until the final head: from the request's head, all tries included, standing still while
// the client's content is waited for.
struct HeadTime {
  TimePoint start;
  Duration timeout{};              // zero: none
  Deadline clients = no_deadline;  // where the client set the exchange's end (grpc-timeout)

  Deadline until(TimePoint now, const Exchange& exchange) const noexcept {
    if (timeout == Duration::zero()) return exchange.clock.hard_deadline;
    return std::min(start + timeout + exchange.clock.client_wait(now),
                    exchange.clock.hard_deadline);
  }
  // What a failure is called: a time that is up because the client would wait no longer says
  // nothing of the upstream.
  Reason named(Reason failure, TimePoint now, const Exchange& exchange) const noexcept {
    const bool is_clients =
        now >= clients &&
        (timeout == Duration::zero() || now < start + timeout + exchange.clock.client_wait(now));
    return failure == Reason::request_timeout && is_clients ? Reason::client_closed : failure;
  }
};

class Attempt final : public ExchangePart,
                      public BodyStream,
                      private Cancellable,
                      private ContentArrivals,
                      private codec::ClientExchange::Owner {
 public:
  // `header_size` bounds the answer's head; `record` and `call` are told how it ended; `kept` is
  // the whole content where a try before this one kept it; `spent` is what the tries before it
  // took. `gateway_fields`, which outlive it, are names that no client may send, behind its content
  // as little as before it.
  Attempt(net::Loop& loop, upstream::Lease lease, Request& request, Exchange& exchange,
          std::size_t header_size, UpstreamRecord record, control::BreakerCall call, Bytes kept,
          Duration spent, std::span<const std::string> gateway_fields);
  ~Attempt() override;

  // Sends the request and reads the final head, as it comes, into `head`; interim ones are relayed
  // on the way.
  Task<Result<>> start(HeadTime time, ResponseHead& head);

  // After start() failed: waits a moment for the rest of the content, where with it the request
  // could be sent again.
  Task<> gather();
  // The request can be sent again as it is: nothing of its content was lost, no byte of an answer
  // came, and the upstream said that it has not looked at it, or a reused connection died under a
  // request of an idempotent method.
  bool replayable() const noexcept;
  // The upstream said so.
  bool refused() const noexcept { return client_->unprocessed(); }
  // There is a next try, which the call goes on with: what counts is what the client sees.
  control::BreakerCall take_call() noexcept {
    has_next_ = true;
    return std::move(call_);
  }
  // The time of this try and those before it: connecting included, without waiting for the client.
  Duration spent() const noexcept;
  // The whole content, as far as it was kept; lives as long as the request.
  Bytes kept() const;
  // After a 101: takes the connection out of the count of requests. Fails when the upstream has its
  // tunnels.
  bool into_tunnel() noexcept;
  ByteStream& tunnel() noexcept { return client_->bytes(); }

  // --- BodyStream: the answer's content
  Task<Result<Bytes>> read() override { return client_->read(); }
  Bytes read_ready() noexcept override { return client_->read_ready(); }
  bool complete() const noexcept override { return client_->complete(); }
  const HeaderMap& trailers() const noexcept override { return client_->trailers(); }
  std::optional<std::uint64_t> length() const noexcept override { return client_->length(); }
  void abort(Reason reason) noexcept override;

  // --- ExchangePart
  Task<> settle() override;
  bool settled() const noexcept override { return uploads_.size() == 0; }

 private:
  // Sends what can be sent without waiting; an upload goes on with the rest.
  void begin();
  Task<Result<>> give_up();
  Task<Result<>> read_final_head(HeadTime time, ResponseHead& head);
  // `flush`: some of the head is still to be sent; `whole`: that is all.
  Task<> upload(bool flush, bool whole);
  enum class Unasked : std::uint8_t { ask, whole, over };
  // While the client may wait for 100 Continue: sends what comes all the same. ask: the rest is to
  // be asked for; whole: all came; over: the content is not wanted any more.
  Task<Unasked> send_unasked(BodyStream& body);
  // False when the upload is over: the upstream takes no more.
  Task<bool> send_piece(Bytes piece);
  // The client's fields behind the content, without the gateway's.
  const HeaderMap& trailers();
  // A piece that goes to the upstream, as long as all of them are few enough.
  void keep(Bytes piece);
  // The upstream will not look at what is still sent, and the next try may want it.
  bool refused_unread() const noexcept;
  // What the next try would send is here.
  bool has_all_content() const noexcept;
  // Why there is no final head.
  std::unexpected<Error> failed(const Error& why);
  Error cancelled_error() const;
  void cancel(Reason reason) noexcept override;
  void content_arrived() noexcept override { continued_.notify(); }
  void answer_ended(bool reusable) noexcept override;
  TryEnd end() const noexcept;
  void tell_breaker(control::CallEnd end);
  // The head says how the call ended, or it is known from the status alone.
  bool is_judged_by_head() const noexcept;

  net::Loop& loop_;
  upstream::Lease lease_;
  upstream::Endpoint& endpoint_;
  Request& request_;
  Exchange& exchange_;
  UpstreamRecord record_;
  control::BreakerCall call_;
  std::span<const std::string> gateway_fields_;
  std::string_view endpoint_text_;       // as the exchange has it
  std::unique_ptr<HeaderMap> trailers_;  // those left, where some had to go
  std::unique_ptr<codec::ClientExchange> client_;
  Bytes kept_;         // the whole content, where it came with the head or a try before this one
  std::string later_;  // all of it up to now, where it did not
  net::TaskGroup uploads_;
  // The upstream's 100 came, or its final head, or content; later, news for gather().
  net::Waiter continued_;
  TimePoint started_;
  Duration waited_before_;      // for the client, when it started
  Duration spent_before_;       // by the tries before this one
  Duration head_after_{};       // spent() when the head came, or did not
  bool upload_done_ = false;    // all content was sent
  bool settling_ = false;       // an upload that has not begun shall not
  bool keeping_ = false;        // later_ is complete
  bool pulling_ = false;        // the client is asked for content
  bool content_taken_ = false;  // some of it left the client's hands
  bool asked_for_ = false;      // the upstream's 100 came
  bool head_came_ = false;
  bool answer_over_ = false;  // nothing is read from the connection any more
  bool answer_complete_ = false;
  bool tunnelled_ = false;
  bool has_next_ = false;
  const bool grpc_;                      // a call of gRPC
  std::optional<Error> upload_failure_;  // the client's fault
  std::optional<Error> failure_;         // why there is no answer
  int status_ = 0;
  GrpcStatus grpc_status_ = no_grpc_status;  // of the head or the trailers
};

}  // namespace weir::proxy
