#include "proxy/attempt.hpp"

#include <algorithm>
#include <utility>

#include "weir/http/forwarded.hpp"
#include "weir/http/grpc.hpp"
#include "weir/net/turn_taking.hpp"

namespace weir::proxy {
namespace {

// How long a client that expects 100 Continue is left waiting for the upstream's word.
constexpr Duration continue_wait = std::chrono::seconds(1);
constexpr unsigned most_interim = 8;
// Content is kept up to this size where the request may have to be sent again: an upstream may
// refuse it unread, or the connection may be dead.
constexpr std::size_t most_kept = 64 * 1024;
// How long content that is still on its way is waited for then.
constexpr Duration gather_wait = std::chrono::seconds(1);

}  // namespace

Attempt::Attempt(net::Loop& loop, upstream::Lease lease, Request& request, Exchange& exchange,
                 std::size_t header_size, UpstreamRecord record, control::BreakerCall call,
                 Bytes kept, Duration spent, std::span<const std::string> gateway_fields)
    : loop_(loop),
      lease_(std::move(lease)),
      endpoint_(lease_.endpoint()),
      request_(request),
      exchange_(exchange),
      record_(record),
      call_(std::move(call)),
      gateway_fields_(gateway_fields),
      endpoint_text_(exchange.endpoint),
      client_(
          lease_.begin(exchange.clock, exchange.scope, *this, request.head.method, header_size)),
      kept_(kept),
      uploads_(loop),
      continued_(loop),
      started_(loop.now()),
      waited_before_(exchange.clock.client_wait(started_)),
      spent_before_(spent),
      grpc_(is_grpc(request.head)) {}

Attempt::~Attempt() {
  if (grpc_) exchange_.grpc_status = grpc_status_;
  const TryEnd end = this->end();
  const telemetry::TryResult result = record_.ended(endpoint_, end);
  if (has_next_ || !exchange_.tries().empty()) {
    exchange_.tell_try({endpoint_text_, name(result), lease_.connect_time + end.duration});
  }
  const bool cut = head_came_ && !end.answer_complete && !end.client_gone && !end.out_of_time;
  if (cut && !end.silent && !failure_) record_.cut(loop_.now(), endpoint_);
  record_.forgiven(loop_.now(), endpoint_, client_->forgiven());
  tell_breaker(call_end(end));
}

TryEnd Attempt::end() const noexcept {
  const TimePoint now = loop_.now();
  const bool cut = head_came_ && !answer_complete_ && !tunnelled_;
  const Deadline idle = deadline_after(exchange_.clock.last_activity, exchange_.clock.idle_timeout);
  return {.failure = failure_ ? failure_->reason : Reason::none,
          .client_gone = exchange_.scope.cancelled(),
          .answer_complete = answer_complete_ || tunnelled_,
          // A request of our own beside the client's has no route: its time is the upstream's.
          .out_of_time = cut && exchange_.route != nullptr && now >= exchange_.clock.hard_deadline,
          .silent = cut && now >= idle && !exchange_.scope.cancelled(),
          .status = status_,
          .duration = now - started_};
}

Duration Attempt::spent() const noexcept {
  const TimePoint now = loop_.now();
  return spent_before_ + lease_.connect_time + (now - started_) -
         (exchange_.clock.client_wait(now) - waited_before_);
}

void Attempt::tell_breaker(control::CallEnd end) {
  call_.ended(loop_.now(), end, status_, head_after_, grpc_status_);
  call_.give_up();
}

// A probe of gRPC waits for the trailers where codes count; who waits with it for them is let in
// when open_for is over once more.
bool Attempt::is_judged_by_head() const noexcept {
  return !grpc_ || grpc_status_ != no_grpc_status || !call_.counts_grpc();
}

Task<Result<>> Attempt::start(HeadTime time, ResponseHead& head) {
  if (exchange_.scope.cancelled()) return give_up();
  begin();
  return read_final_head(time, head);
}

// Nothing was sent, so it is no failure of the upstream's.
Task<Result<>> Attempt::give_up() { co_return std::unexpected(cancelled_error()); }

void Attempt::begin() {
  follow(&exchange_.scope);
  BodyStream* const body = request_.body;
  Bytes first;
  bool whole = body == nullptr;
  if (!kept_.empty()) {
    first = kept_;
    whole = true;
  } else if (body != nullptr) {
    first = body->read_ready();
    // Who ended the request in a frame behind its head is forwarded with one, be it empty: gRPC
    // servers of Go wait for it. Chunks are such frames, and HTTP/1 has no other way to end them.
    const RequestHead& head = request_.head;
    const bool end_follows = lease_.shared() && first.empty() &&
                             (head.version == Version::http2 || head.framing == Framing::chunked);
    // Trailers go behind the content.
    whole = body->complete() && body->trailers().empty() && !end_follows;
    keeping_ = lease_.shared() || (lease_.reused() && is_idempotent(request_.head.method));
    if (whole && keeping_ && !first.empty() && first.size() <= most_kept) {
      kept_ = first = as_bytes(request_.head.headers.arena().copy(as_text(first)));
    }
    keeping_ = keeping_ && !whole;
    keep(first);
  }
  content_taken_ = !first.empty();
  upload_done_ = whole;
  const auto sent = client_->send_head(request_.head, first, whole);
  // What the upstream did not take, and the content behind it, is sent beside the wait for its
  // answer. One that closed may have answered before: its answer is read all the same.
  if (sent && (!*sent || !whole)) {
    upload_done_ = false;
    uploads_.spawn(upload(!*sent, whole));
  }
}

Task<Result<>> Attempt::read_final_head(HeadTime time, ResponseHead& head) {
  unsigned interim = 0;
  while (true) {
    const auto came = client_->take_head(head);
    if (!came) co_return failed(upload_failure_.value_or(came.error()));
    if (*came) {
      if (head.status >= 200 || head.status == 101) {
        continued_.notify();
        head_came_ = true;
        keeping_ = false;
        later_ = {};
        status_ = head.status;
        exchange_.clock.last_activity = loop_.now();
        head_after_ = spent();
        // A failure counts before the client sees it; a long answer must not hold up a probe.
        if (grpc_) {
          grpc_status_ = parse_grpc_status(head.headers.get("grpc-status"));
          // Trailers right behind the head have come with it.
          if (grpc_status_ == no_grpc_status && answer_complete_) {
            grpc_status_ = parse_grpc_status(client_->trailers().get("grpc-status"));
          }
        }
        const bool failed_call = grpc_status_ > 0 && call_.counts_grpc();
        if (status_ >= 500 || failed_call || (call_.is_probe() && is_judged_by_head())) {
          tell_breaker(control::CallEnd::answered);
        }
        if (!upload_done_) exchange_.close_after = true;
        co_return Result<>{};
      }
      if (++interim > most_interim) {
        const Error why{Reason::upstream_bad_response, Side::upstream, "too many interim answers"};
        co_return failed(why);
      }
      strip_hop_by_hop(head.headers);
      if (exchange_.interim != nullptr) co_await exchange_.interim->informational(head);
      if (head.status == 100) {
        asked_for_ = true;
        continued_.notify();
      }
      continue;
    }
    if (upload_failure_) co_return failed(*upload_failure_);
    const Deadline until = time.until(loop_.now(), exchange_);
    const net::Io ready = co_await client_->wait_more(until);
    if (ready == net::Io::cancelled) co_return failed(cancelled_error());
    // While the client's content is waited for, the end moves on.
    if (ready == net::Io::timeout && loop_.now() >= time.until(loop_.now(), exchange_)) {
      const Error why{Reason::request_timeout, Side::upstream, {}};
      auto out = failed(why);
      failure_->reason = time.named(why.reason, loop_.now(), exchange_);
      co_return out;
    }
  }
}

[[gnu::noinline]] std::unexpected<Error> Attempt::failed(const Error& why) {
  failure_ = why;
  head_after_ = spent();
  record_.failed(loop_.now(), endpoint_, why, lease_.reused());
  return std::unexpected(why);
}

void Attempt::abort(Reason reason) noexcept {
  if (!failure_) failure_ = Error{reason, Side::upstream, {}};
  client_->abort(reason);
}

Error Attempt::cancelled_error() const {
  if (upload_failure_) return *upload_failure_;
  const Reason reason = exchange_.scope.reason();
  return {reason == Reason::none ? Reason::internal : reason, Side::downstream, {}};
}

Task<> Attempt::upload(bool flush, bool whole) {
  if (flush) {
    const auto flushed = co_await client_->flush();
    if (!flushed) co_return;
  }
  if (whole) {
    upload_done_ = true;
    co_return;
  }
  BodyStream& body = *request_.body;
  if (request_.head.expect_continue) {
    const Unasked unasked = co_await send_unasked(body);
    if (unasked == Unasked::over) co_return;
    whole = unasked == Unasked::whole;
  }
  if (settling_) co_return;
  pulling_ = true;
  net::TurnTaking turns(loop_);
  while (!whole) {
    const auto piece = co_await body.read();
    if (!piece) {
      upload_failure_ = piece.error();
      // Nobody can finish this request: whoever waits for its answer hears why.
      client_->abort(piece.error().reason);
      client_->cancel();
      continued_.notify();
      co_return;
    }
    content_taken_ = true;
    if (piece->empty()) break;
    const bool taken = co_await send_piece(*piece);
    if (!taken) co_return;
    if (body.complete()) break;
    if (turns.moved(piece->size())) co_await turns.yield();
  }
  continued_.notify();
  upload_done_ = (co_await client_->send_end(trailers())).has_value();
}

Task<bool> Attempt::send_piece(Bytes piece) {
  keep(piece);
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
  while (!head_came_ && !settling_ && !continued_.cancelled()) {
    const Bytes piece = body.read_ready();
    if (!piece.empty()) {
      content_taken_ = true;
      const bool taken = co_await send_piece(piece);
      if (!taken) co_return Unasked::over;
      if (turns.moved(piece.size())) co_await turns.yield();
    }
    if (body.complete()) co_return Unasked::whole;
    if (asked_for_ || loop_.now() >= until) co_return Unasked::ask;
    if (piece.empty()) {
      co_await continued_.wait(until);
      static_cast<void>(continued_.result());
    }
  }
  co_return Unasked::over;
}

const HeaderMap& Attempt::trailers() {
  const HeaderMap& all = request_.body->trailers();
  const auto is_ours = [this](const HeaderMap::Field& field) {
    return std::ranges::any_of(gateway_fields_, [&](const std::string& name) {
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

void Attempt::keep(Bytes piece) {
  if (!keeping_) return;
  if (later_.size() + piece.size() > most_kept) {
    keeping_ = false;
    later_ = {};
  } else {
    later_ += as_text(piece);
  }
}

Bytes Attempt::kept() const {
  return later_.empty() ? kept_ : as_bytes(request_.head.headers.arena().copy(later_));
}

bool Attempt::refused_unread() const noexcept { return keeping_ && client_->unprocessed(); }

Task<> Attempt::gather() {
  const Deadline until =
      std::min<Deadline>(loop_.now() + gather_wait, exchange_.clock.hard_deadline);
  while (pulling_ && uploads_.size() != 0 && refused_unread() && !upload_failure_ &&
         !exchange_.scope.cancelled() && !request_.body->complete() && loop_.now() < until) {
    co_await continued_.wait(until);
  }
}

bool Attempt::has_all_content() const noexcept {
  if (!kept_.empty() || (!pulling_ && !content_taken_)) return true;
  const BodyStream& body = *request_.body;
  return keeping_ && body.complete() && body.trailers().empty();
}

bool Attempt::replayable() const noexcept {
  if (!failure_ || failure_->reason != Reason::upstream_reset || !client_->untouched())
    return false;
  if (!has_all_content()) return false;
  return client_->unprocessed() || (lease_.reused() && is_idempotent(request_.head.method));
}

bool Attempt::into_tunnel() noexcept {
  tunnelled_ = lease_.into_tunnel();
  // A tunnel outlasts what the breaker's owner is kept for.
  if (tunnelled_) tell_breaker(control::CallEnd::answered);
  return tunnelled_;
}

void Attempt::cancel(Reason) noexcept {
  continued_.cancel();
  if (!answer_over_) client_->cancel();
}

void Attempt::answer_ended(bool reusable) noexcept {
  answer_over_ = true;
  answer_complete_ = client_->complete();
  // Of a head that is the whole answer the status is read when it is looked at.
  if (grpc_ && head_came_ && grpc_status_ == no_grpc_status) {
    grpc_status_ = parse_grpc_status(client_->trailers().get("grpc-status"));
    if (answer_complete_ && call_.counts_grpc()) tell_breaker(control::CallEnd::answered);
  }
  if (reusable && upload_done_) lease_.give_back();
}

Task<> Attempt::settle() {
  unfollow();
  settling_ = true;
  if (uploads_.size() != 0) {
    // The answer is over and the upload is not: nobody will read the rest.
    continued_.cancel();
    if (!answer_over_ || !upload_done_) client_->cancel();
    if (pulling_) request_.body->abort(Reason::upstream_reset);
    co_await uploads_.join();
  }
}

}  // namespace weir::proxy
