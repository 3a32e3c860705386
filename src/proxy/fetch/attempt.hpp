// One try of a request on one upstream connection: the head out, the upload pumped beside it, the
// final head in, the answer's content pulled by its reader. Knows no client: what it needs of one
// is in the plan. Worker thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "proxy/fetch/again.hpp"
#include "proxy/fetch/endpoint_load.hpp"
#include "proxy/fetch/kept_content.hpp"
#include "proxy/fetch/plan.hpp"
#include "proxy/fetch/replayed_content.hpp"
#include "proxy/upstream_record.hpp"
#include "weir/base/cancel.hpp"
#include "weir/base/grpc_status.hpp"
#include "weir/codec/client_exchange.hpp"
#include "weir/http/body.hpp"
#include "weir/http/forwarded.hpp"
#include "weir/net/task_group.hpp"
#include "weir/upstream/lease.hpp"

namespace weir::proxy {

class Attempt final : public BodyStream,
                      private Cancellable,
                      private ContentArrivals,
                      private codec::ClientExchange::Owner {
 public:
  // Connecting is the lease's, before this is made.
  enum class State : std::uint8_t {
    sending,    // begin() has not been called
    head,       // the final head is waited for
    content,    // it came
    tunnel,     // it was a 101
    discarded,  // it came, and nobody wants its answer
    // Nothing is read from the connection any more:
    done,  // the answer ended as it should
    cut,   // it did not
  };

  class Owner {
   public:
    // The final head came, before its content is read.
    virtual void head_came() = 0;
    // The answer's content is over, whole or not.
    virtual void answer_ended() noexcept = 0;

   protected:
    ~Owner() = default;
  };

  // All outlive it. `replayed` is the request's content where the request may be retried, otherwise
  // null: then `kept` holds that of the tries before this one, if any, and takes that of this one.
  // `endpoint` is the address as told; it lives as long as the request.
  Attempt(Owner& owner, const FetchPlan& plan, upstream::Lease&& lease, Request& request,
          KeptContent& kept, ReplayedContent* replayed, std::string_view endpoint);

  // Sends the request and reads the final head, as it comes, into `head`; interim ones are relayed
  // on the way.
  Task<Result<>> start(ResponseHead& head) {
    if (plan_.scope().cancelled()) return give_up();
    begin();
    return read_final_head(head);
  }
  // After a head whose answer nobody wants: reads the rest if it is short and comes at once, for
  // the connection's sake; otherwise gives it up.
  Task<> discard();
  // After start() failed: waits a moment for the rest of the content, where with it the request
  // could be sent again.
  Task<> gather();

  // --- after start()
  // What it came to so far.
  EndedTry ended() const noexcept;
  // What another try would send is here.
  bool has_whole_request() const noexcept;
  // Nothing of the content was taken from the client, nor is it waited for.
  bool untaken() const noexcept { return !content_taken_; }
  // After a 101: takes the connection out of the count of requests. Fails when the upstream has its
  // tunnels.
  bool into_tunnel() noexcept;
  ByteStream& tunnel() noexcept { return client_->bytes(); }

  bool head_came() const noexcept { return status_ != 0; }
  int status() const noexcept { return status_; }
  bool is_grpc() const noexcept { return grpc_; }
  GrpcStatus grpc_status() const noexcept { return grpc_status_; }        // of head or trailers
  bool upload_ended() const noexcept { return upload_ == Upload::done; }  // all content was sent
  // The time until the head or the failure, and until now: connecting included, without waiting for
  // the client.
  Duration head_time() const noexcept { return head_time_; }
  Duration spent() const noexcept;
  // It is over: how it ended, as the metrics and the diagnostics are told.
  TryEnd finish(UpstreamRecord& record) const;
  TryRecord record(const TryEnd& end) const noexcept;

  // --- BodyStream: the answer's content
  Task<Result<Bytes>> read() override { return client_->read(); }
  Bytes read_ready() noexcept override { return client_->read_ready(); }
  bool complete() const noexcept override { return client_->complete(); }
  const HeaderMap& trailers() const noexcept override { return client_->trailers(); }
  std::optional<std::uint64_t> length() const noexcept override { return client_->length(); }
  void abort(Reason reason) noexcept override;

  // Another try of the request has won: gives this one up at once, and it is no result of its
  // endpoint.
  void lose() noexcept {
    lost_ = true;
    cancel(Reason::client_closed);
  }

  // Stops what still runs and returns when nothing does. Before destruction.
  Task<> settle();
  bool settled() const noexcept { return uploads_.size() == 0; }
  const upstream::Endpoint& endpoint() const noexcept { return endpoint_; }
  // Why there is no answer.
  const std::optional<Error>& failure() const noexcept { return failure_; }

 private:
  // Sends what can be sent without waiting; an upload goes on with the rest.
  void begin();
  // What is sent with the head; `whole`: there is no more of it. REQUIRES: there is a body.
  Bytes first_content(bool& whole);
  // The end of the wait for the final head.
  Deadline until(TimePoint now) const noexcept;
  Task<Result<>> give_up();
  Task<Result<>> read_final_head(ResponseHead& head);
  void take_final_head(ResponseHead& head);
  // What the upstream says of its load in a head or trailers is for us alone.
  void take_load(HeaderMap& fields) noexcept {
    if (!reads_load_) [[likely]]
      return;
    take_endpoint_load(fields, endpoint_, plan_.metrics.shard(plan_.worker), loop_.now());
  }
  // An interim head's, as a client may see them.
  void clean_interim(HeaderMap& fields) const {
    strip_hop_by_hop(fields);
    if (reads_load_) [[unlikely]]
      drop_endpoint_load(fields);
  }
  // `flush`: some of the head is still to be sent; `whole`: that is all.
  Task<> upload(bool flush, bool whole);
  void fail_upload(Error why) noexcept;
  enum class Upload : std::uint8_t {
    waiting,  // what comes unasked is sent
    asked,    // likewise, and the upstream's 100 came
    pulling,  // the client is asked for content
    stopped,  // settle() came before the end: nothing more is asked for
    done,     // all was sent
  };
  enum class Unasked : std::uint8_t { ask, whole, over };
  // While the client may wait for 100 Continue: sends what comes all the same. ask: the rest is to
  // be asked for; whole: all came; over: the content is not wanted any more.
  Task<Unasked> send_unasked(BodyStream& body);
  Task<Result<Bytes>> next_piece() {
    return replayed_ != nullptr ? replayed_->next() : request_.body->read();
  }
  Bytes ready_piece() {
    return replayed_ != nullptr ? replayed_->ready() : request_.body->read_ready();
  }
  bool content_complete() const noexcept {
    return replayed_ != nullptr ? replayed_->complete() : request_.body->complete();
  }
  // False when the upload is over: the upstream takes no more.
  Task<bool> send_piece(Bytes piece);
  // The client's fields behind the content, without the gateway's.
  const HeaderMap& request_trailers();
  // The upstream will not look at what is still sent, and another try may want it.
  bool refused_unread() const noexcept { return kept_.adding() && client_->unprocessed(); }
  bool is_over() const noexcept { return state_ >= State::done; }
  bool is_whole() const noexcept { return state_ >= State::tunnel && state_ != State::cut; }
  // Why there is no final head.
  std::unexpected<Error> failed(const Error& why);
  Error cancelled_error() const;
  TryEnd end() const noexcept;
  void cancel(Reason reason) noexcept override;
  void content_arrived() noexcept override { continued_.notify(); }
  void answer_ended(bool reusable) noexcept override;

  Owner& owner_;
  const FetchPlan& plan_;
  net::Loop& loop_;
  upstream::Lease lease_;
  upstream::Endpoint& endpoint_;
  const bool reads_load_ = lease_.reads_load();
  const bool h2_ = lease_.shared();
  Request& request_;
  KeptContent& kept_;
  ReplayedContent* const replayed_;
  const std::string_view endpoint_text_;
  std::unique_ptr<HeaderMap> trailers_;  // those left, where some had to go
  std::unique_ptr<codec::ClientExchange> client_;
  net::TaskGroup uploads_;
  // The upstream's 100 came, or its final head, or content; later, news for gather().
  net::Waiter continued_;
  const TimePoint started_;
  const Duration waited_before_;  // for the client, when it started
  Duration head_time_{};
  State state_ = State::sending;
  Upload upload_ = Upload::waiting;
  bool content_taken_ = false;  // the client was asked for it, or some of it left its hands
  bool lost_ = false;           // another try won
  const bool grpc_;
  std::optional<Error> upload_failure_;  // the client's fault
  std::optional<Error> failure_;
  int status_ = 0;
  GrpcStatus grpc_status_ = no_grpc_status;
};

}  // namespace weir::proxy
