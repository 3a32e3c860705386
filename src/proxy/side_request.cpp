#include "proxy/side_request.hpp"

#include <new>
#include <optional>
#include <utility>

#include "proxy/fetch/fetch.hpp"
#include "weir/http/forwarded.hpp"
#include "weir/net/turn_taking.hpp"

namespace weir::proxy {
namespace {

Task<Result<SubrequestAnswer>> read_answer(Fetch& fetch, ResponseHead head, std::size_t most_body) {
  if (head.status == 101) {
    fetch.abort(Reason::upstream_bad_response);
    co_return fail(Reason::upstream_bad_response, Side::upstream,
                   "switched protocols without being asked");
  }
  SubrequestAnswer answer;
  strip_hop_by_hop(head.headers);
  const bool content = head.framing != Framing::none;
  answer.head = std::move(head);
  while (content) {
    const Result<Bytes> piece = co_await fetch.content().read();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    if (answer.body.size() + piece->size() > most_body) {
      fetch.abort(Reason::upstream_bad_response);
      answer.body.clear();
      answer.cut = true;
      break;
    }
    answer.body += as_text(*piece);
  }
  co_return answer;
}

}  // namespace

Task<Result<SubrequestAnswer>> send_aside(const SideTarget& target, Request& request,
                                          SideCall& side, Duration timeout, std::size_t most_body,
                                          TryObserver* observer) {
  const TimePoint now = side.loop.now();
  control::CircuitBreaker& breaker = target.cluster->breaker();
  auto call = breaker.begin(now);
  if (breaker.shed().on() && breaker.shed().call(side.priority, now, call && call->may_be_shed()))
      [[unlikely]] {
    co_return fail(Reason::shed, Side::upstream, target.cluster->name());
  }
  if (!call) co_return fail(Reason::circuit_open, Side::upstream, target.cluster->name());
  const Deadline all = side.clock.hard_deadline;
  const bool clients = timeout != Duration::zero() && all < now + timeout;
  const FetchPlan plan{.cluster = *target.cluster,
                       .metrics = *target.metrics,
                       .loop = side.loop,
                       .worker = side.worker,
                       .clock = side.clock,
                       .caller = {.client = side.client, .scope = &side.scope},
                       .time = {now, timeout, clients ? all : no_deadline},
                       .header_size = target.response_header_size,
                       .request_id = side.request_id};
  Fetch fetch(plan, request, std::move(*call), observer);
  std::optional<Result<SubrequestAnswer>> answer;
  try {
    ResponseHead head;
    Result<> came = co_await fetch.first_try(head);
    if (!came) came = co_await fetch.further_tries(std::move(came), head);
    if (came) {
      answer.emplace(co_await read_answer(fetch, std::move(head), most_body));
    } else {
      answer.emplace(std::unexpected(came.error()));
    }
  } catch (const std::bad_alloc&) {
    // Thrown again below, when nothing runs any more.
  }
  while (!fetch.settled()) {
    try {
      co_await fetch.settle();
    } catch (const std::bad_alloc&) {
    }
    net::TurnTaking turn(side.loop);
    co_await turn.yield();
  }
  if (!answer) throw std::bad_alloc();
  co_return std::move(*answer);
}

}  // namespace weir::proxy
