#include "proxy/fetch/attempt.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "weir/http/exchange.hpp"
#include "weir/http/grpc.hpp"
#include "weir/net/turn_taking.hpp"

namespace weir::proxy {
namespace {

// How long a client that expects 100 Continue is left waiting for the upstream's word.
constexpr Duration continue_wait = std::chrono::seconds(1);
constexpr unsigned most_interim = 8;
// How long content that is still on its way is waited for where the request may be sent again.
constexpr Duration gather_wait = std::chrono::seconds(1);
// Of an answer that nobody wants so much is read.
constexpr std::size_t most_discarded = std::size_t{64} << 10;  // bytes
constexpr Duration discard_wait = std::chrono::milliseconds(100);

}  // namespace

Attempt::Attempt(Owner& owner, const FetchPlan& plan, upstream::Lease&& lease, Request& request,
                 KeptContent& kept, ReplayedContent* replayed, std::string_view endpoint)
    : owner_(owner),
      plan_(plan),
      loop_(plan.loop),
      lease_(std::move(lease)),
      endpoint_(lease_.endpoint()),
      request_(request),
      kept_(kept),
      replayed_(replayed),
      endpoint_text_(endpoint),
      client_(lease_.begin(plan.clock, plan.scope(), *this, request.head.method, plan.header_size)),
      uploads_(loop_),
      continued_(loop_),
      started_(loop_.now()),
      waited_before_(plan.clock.client_wait(started_)),
      grpc_(weir::is_grpc(request.head)) {}

TryEnd Attempt::end() const noexcept {
  const TimePoint now = loop_.now();
  const bool whole = is_whole();
  const bool cut = head_came() && !whole;
  const bool gone = plan_.scope().cancelled();
  TryEnd end{.failure = failure_ && !lost_ ? failure_->reason : Reason::none,
             .client_gone = gone || lost_,
             .answer_complete = whole,
             .lost = lost_,
             .status = status_,
             .duration = now - started_};
  if (cut) {
    const TransferClock& clock = plan_.clock;
    end.out_of_time = plan_.deadline_bounds_answer && now >= clock.hard_deadline;
    end.silent = !gone && now >= deadline_after(clock.last_activity, clock.idle_timeout);
  }
  return end;
}

TryRecord Attempt::record(const TryEnd& end) const noexcept {
  return {.endpoint = endpoint_text_,
          .result = name(result_of(end)),
          .took = lease_.connect_time + end.duration,
          .reason = end.failure,
          .reused = lease_.reused(),
          .queue = lease_.queue_time,
          .connect = lease_.connect_time,
          .head = head_time_,
          .bytes = status_ == 101 ? 0 : client_->content_bytes(),
          .status = status_,
          .grpc_status = grpc_status_,
          .h2 = h2_};
}

TryEnd Attempt::finish(UpstreamRecord& record) const {
  const TryEnd end = this->end();
  record.ended(endpoint_, end);
  const bool cut = head_came() && !end.answer_complete && !end.client_gone && !end.out_of_time;
  if (cut && !end.silent && !failure_) record.cut(loop_.now(), endpoint_);
  record.forgiven(loop_.now(), endpoint_, client_->forgiven());
  return end;
}

Duration Attempt::spent() const noexcept {
  const TimePoint now = loop_.now();
  return lease_.connect_time + (now - started_) - (plan_.clock.client_wait(now) - waited_before_);
}

// Nothing was sent, so it is no failure of the upstream's.
Task<Result<>> Attempt::give_up() { co_return std::unexpected(cancelled_error()); }

void Attempt::begin() {
  follow(plan_.caller.scope);
  bool whole = request_.body == nullptr;
  const Bytes first = whole ? Bytes() : first_content(whole);
  content_taken_ = !first.empty();
  upload_ = whole ? Upload::done : Upload::waiting;
  state_ = State::head;
  const auto sent = client_->send_head(request_.head, first, whole);
  // What the upstream did not take, and the content behind it, is sent beside the wait for its
  // answer. One that closed may have answered before: its answer is read all the same.
  if (sent && (!*sent || !whole)) {
    upload_ = Upload::waiting;
    uploads_.spawn(upload(!*sent, whole));
  }
}

Bytes Attempt::first_content(bool& whole) {
  BodyStream* const body = request_.body;
  whole = !kept_.whole().empty();
  if (whole) return kept_.whole();
  RequestHead& head = request_.head;
  if (replayed_ != nullptr && replayed_->begun() && head.expect_continue) {
    // The client has been asked for its content.
    head.expect_continue = false;
    head.headers.remove(FieldId::expect);
  }
  Bytes first = replayed_ != nullptr ? replayed_->begin() : body->read_ready();
  // Who ended the request in a frame behind its head is forwarded with one, be it empty: gRPC
  // servers of Go wait for it. Chunks are such frames, and HTTP/1 has no other way to end them.
  const bool end_follows = lease_.shared() && first.empty() &&
                           (head.version == Version::http2 || head.framing == Framing::chunked);
  // Trailers go behind the content.
  whole = content_complete() && body->trailers().empty() && !end_follows;
  if (replayed_ != nullptr) return first;
  const bool keeps = lease_.shared() || (lease_.reused() && is_idempotent(head.method));
  if (keeps && !whole) {
    kept_.begin();
    kept_.add(first);
  } else if (keeps && !first.empty()) {
    first = kept_.keep_whole(first, head.headers.arena());
  }
  return first;
}

Deadline Attempt::until(TimePoint now) const noexcept {
  const Deadline all = plan_.time.until(now, plan_.clock);
  if (plan_.retry == nullptr || plan_.retry->try_timeout == Duration::zero()) [[likely]]
    return all;
  const Duration waited = plan_.clock.client_wait(now) - waited_before_;
  return std::min<Deadline>(all,
                            started_ - lease_.connect_time + plan_.retry->try_timeout + waited);
}

Task<Result<>> Attempt::read_final_head(ResponseHead& head) {
  unsigned interim = 0;
  while (true) {
    const auto came = client_->take_head(head);
    if (!came) co_return failed(upload_failure_.value_or(came.error()));
    if (*came) {
      if (head.status >= 200 || head.status == 101) {
        take_final_head(head);
        co_return Result<>{};
      }
      if (++interim > most_interim) {
        const Error why{Reason::upstream_bad_response, Side::upstream, "too many interim answers"};
        co_return failed(why);
      }
      clean_interim(head.headers);
      if (plan_.interim != nullptr) co_await plan_.interim->informational(head);
      if (head.status == 100) {
        if (upload_ == Upload::waiting) upload_ = Upload::asked;
        continued_.notify();
      }
      continue;
    }
    if (upload_failure_) co_return failed(*upload_failure_);
    const Deadline until = this->until(loop_.now());
    const net::Io ready = co_await client_->wait_more(until);
    if (ready == net::Io::cancelled) co_return failed(cancelled_error());
    // While the client's content is waited for, the end moves on.
    if (ready == net::Io::timeout && loop_.now() >= this->until(loop_.now())) {
      const bool all = loop_.now() >= plan_.time.until(loop_.now(), plan_.clock);
      const Error why{all ? Reason::request_timeout : Reason::try_timeout, Side::upstream, {}};
      auto out = failed(why);
      failure_->reason = plan_.time.named(why.reason, loop_.now(), plan_.clock);
      co_return out;
    }
  }
}

void Attempt::take_final_head(ResponseHead& head) {
  continued_.notify();
  take_load(head.headers);
  if (state_ == State::head) state_ = State::content;
  kept_.drop();
  status_ = head.status;
  plan_.clock.last_activity = loop_.now();
  head_time_ = spent();
  if (grpc_) {
    grpc_status_ = parse_grpc_status(head.headers.get("grpc-status"));
    // Trailers right behind the head have come with it.
    if (grpc_status_ == no_grpc_status && state_ == State::done) {
      grpc_status_ = parse_grpc_status(client_->trailers().get("grpc-status"));
    }
  }
  owner_.head_came();
}

[[gnu::noinline]] std::unexpected<Error> Attempt::failed(const Error& why) {
  failure_ = why;
  head_time_ = spent();
  return std::unexpected(why);
}

void Attempt::abort(Reason reason) noexcept {
  if (!failure_) failure_ = Error{reason, Side::upstream, {}};
  client_->abort(reason);
}

Error Attempt::cancelled_error() const {
  if (upload_failure_) return *upload_failure_;
  const Reason reason = plan_.scope().reason();
  return {reason == Reason::none ? Reason::internal : reason, Side::downstream, {}};
}

Task<> Attempt::upload(bool flush, bool whole) {
  try {
    if (flush) {
      const auto flushed = co_await client_->flush();
      if (!flushed) co_return;
    }
    if (whole) {
      upload_ = Upload::done;
      co_return;
    }
    BodyStream& body = *request_.body;
    if (request_.head.expect_continue) {
      const Unasked unasked = co_await send_unasked(body);
      if (unasked == Unasked::over) co_return;
      whole = unasked == Unasked::whole;
    }
    if (upload_ == Upload::stopped) co_return;
    upload_ = Upload::pulling;
    content_taken_ = true;
    net::TurnTaking turns(loop_);
    while (!whole) {
      const auto piece = co_await next_piece();
      if (!piece) {
        if (upload_ != Upload::stopped) fail_upload(piece.error());
        co_return;
      }
      if (piece->empty()) break;
      const bool taken = co_await send_piece(*piece);
      if (!taken) co_return;
      if (content_complete()) break;
      if (turns.moved(piece->size())) co_await turns.yield();
    }
    continued_.notify();
    const auto ended = co_await client_->send_end(request_trailers());
    if (ended) upload_ = Upload::done;
  } catch (const std::bad_alloc&) {
    fail_upload({Reason::internal, Side::internal, "out of memory"});
  }
}

// Nobody can finish this request: whoever waits for its answer hears why.
void Attempt::fail_upload(Error why) noexcept {
  upload_failure_ = std::move(why);
  client_->abort(upload_failure_->reason);
  client_->cancel();
  continued_.notify();
}

Task<bool> Attempt::send_piece(Bytes piece) {
  kept_.add(piece);
  if (refused_unread()) co_return true;
  const auto sent = co_await client_->send_content(piece);
  if (sent || refused_unread()) co_return true;
  continued_.notify();
  co_return false;
}

Task<Attempt::Unasked> Attempt::send_unasked(BodyStream& body) {
  struct Telling {
    BodyStream& of;
    Telling(BodyStream& content, ContentArrivals& to) : of(content) { of.tell_arrivals(&to); }
    ~Telling() { of.tell_arrivals(nullptr); }
  };
  const Telling telling(body, *this);
  const Deadline until = loop_.now() + continue_wait;
  net::TurnTaking turns(loop_);
  // A final answer instead of 100: the content is not wanted.
  while (!head_came() && upload_ != Upload::stopped && !continued_.cancelled()) {
    const Bytes piece = ready_piece();
    if (!piece.empty()) {
      content_taken_ = true;
      const bool taken = co_await send_piece(piece);
      if (!taken) co_return Unasked::over;
      if (turns.moved(piece.size())) co_await turns.yield();
    }
    if (content_complete()) co_return Unasked::whole;
    if (upload_ == Upload::asked || loop_.now() >= until) co_return Unasked::ask;
    if (piece.empty()) {
      co_await continued_.wait(until);
      static_cast<void>(continued_.result());
    }
  }
  co_return Unasked::over;
}

const HeaderMap& Attempt::request_trailers() {
  const HeaderMap& all = request_.body->trailers();
  const auto is_ours = [this](const HeaderMap::Field& field) {
    return std::ranges::any_of(plan_.gateway_fields, [&](const std::string& name) {
      return same_field_name(field.name, name);
    });
  };
  if (std::ranges::none_of(all, is_ours)) return all;
  trailers_ = std::make_unique<HeaderMap>();
  for (const HeaderMap::Field& field : all) {
    if (!is_ours(field)) trailers_->add_view(field.id, field.name, field.value);
  }
  return *trailers_;
}

Task<> Attempt::gather() {
  const Deadline until = std::min<Deadline>(loop_.now() + gather_wait, plan_.clock.hard_deadline);
  while (upload_ == Upload::pulling && uploads_.size() != 0 && refused_unread() &&
         !upload_failure_ && !plan_.scope().cancelled() && !request_.body->complete() &&
         loop_.now() < until) {
    co_await continued_.wait(until);
  }
}

bool Attempt::has_whole_request() const noexcept {
  if (replayed_ != nullptr) return !replayed_->lost();
  if (!kept_.whole().empty() || !content_taken_) return true;
  const BodyStream& body = *request_.body;
  return kept_.adding() && body.complete() && body.trailers().empty();
}

EndedTry Attempt::ended() const noexcept {
  return {.failure = failure_ ? failure_->reason : Reason::none,
          .unsent = client_->unsent(),
          .touched = !client_->untouched(),
          .refused = client_->unprocessed(),
          .reused = lease_.reused(),
          .status = status_,
          .grpc = grpc_status_};
}

Task<> Attempt::discard() {
  state_ = is_over() ? State::done : State::discarded;
  const Deadline until = loop_.now() + discard_wait;
  std::size_t taken = 0;
  while (!is_over() && taken <= most_discarded) {
    const Bytes piece = client_->read_ready();
    taken += piece.size();
    if (!piece.empty() || is_over()) continue;
    const net::Io ready = co_await client_->wait_more(until);
    if (ready != net::Io::ok) break;
  }
  if (!is_over()) client_->abort(Reason::upstream_reset);
}

bool Attempt::into_tunnel() noexcept {
  if (!lease_.into_tunnel()) return false;
  state_ = is_over() ? State::done : State::tunnel;
  return true;
}

void Attempt::cancel(Reason) noexcept {
  continued_.cancel();
  if (!is_over()) client_->cancel();
}

void Attempt::answer_ended(bool reusable) noexcept {
  state_ = client_->complete() || is_whole() ? State::done : State::cut;
  if (client_->complete()) take_load(client_->received_trailers());
  // Of a head that is the whole answer the status is read when it is looked at.
  if (grpc_ && head_came() && grpc_status_ == no_grpc_status) {
    grpc_status_ = parse_grpc_status(client_->trailers().get("grpc-status"));
  }
  owner_.answer_ended();
  if (reusable && upload_ended() && !lost_) lease_.give_back();
}

Task<> Attempt::settle() {
  unfollow();
  const bool pulling = upload_ == Upload::pulling;
  if (!upload_ended()) upload_ = Upload::stopped;
  if (uploads_.size() != 0) {
    // The answer is over and the upload is not: nobody will read the rest.
    continued_.cancel();
    if (!is_over() || !upload_ended()) client_->cancel();
    if (replayed_ != nullptr) {
      replayed_->leave();
    } else if (pulling) {
      request_.body->abort(Reason::upstream_reset);
    }
    co_await uploads_.join();
  }
}

}  // namespace weir::proxy
