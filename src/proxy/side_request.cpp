#include "proxy/side_request.hpp"

#include <optional>
#include <utility>

#include "proxy/attempt.hpp"
#include "proxy/upstream_record.hpp"
#include "weir/http/forwarded.hpp"
#include "weir/net/loop.hpp"

namespace weir::proxy {
namespace {

Task<Result<SubrequestAnswer>> read_answer(Attempt& attempt, ResponseHead head,
                                           std::size_t most_body) {
  if (head.status == 101) {
    attempt.abort(Reason::upstream_bad_response);
    co_return fail(Reason::upstream_bad_response, Side::upstream,
                   "switched protocols without being asked");
  }
  SubrequestAnswer answer;
  strip_hop_by_hop(head.headers);
  const bool content = head.framing != Framing::none;
  answer.head = std::move(head);
  while (content) {
    const Result<Bytes> piece = co_await attempt.read();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    if (answer.body.size() + piece->size() > most_body) {
      attempt.abort(Reason::upstream_bad_response);
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
                                          Exchange& side, Duration timeout, std::size_t most_body) {
  net::Loop& loop = *side.connection.loop;
  const unsigned worker = side.connection.worker;
  auto call = target.cluster->breaker().begin(loop.now());
  if (!call) co_return fail(Reason::circuit_open, Side::upstream, target.cluster->name());
  UpstreamRecord record(*target.metrics, worker);
  const bool clients =
      timeout != Duration::zero() && side.clock.hard_deadline < loop.now() + timeout;
  const HeadTime time{loop.now(), timeout, clients ? side.clock.hard_deadline : no_deadline};
  const upstream::Caller caller{side.client_ip, &side.scope};
  upstream::Tried tried;
  const TimePoint began = loop.now();
  Bytes kept;
  Duration spent{};  // by the tries so far
  bool some_failed = false;
  while (true) {
    std::optional<upstream::Lease> lease = target.cluster->try_acquire(worker, tried, caller);
    if (!lease) {
      auto acquired =
          co_await target.cluster->acquire(worker, tried, time.until(loop.now(), side), caller);
      for (upstream::ConnectFailure& failure : tried.connect_failures) {
        failure.reason = time.named(failure.reason, loop.now(), side);
        record.connect_failed(failure);
        spent += failure.took;
        some_failed = true;
      }
      tried.connect_failures.clear();
      if (!acquired) {
        if (some_failed) {
          const Reason why = time.named(acquired.error().reason, loop.now(), side);
          call->ended(loop.now(), call_end(why), 0, loop.now() - began);
        }
        co_return std::unexpected(std::move(acquired.error()));
      }
      lease.emplace(std::move(*acquired));
    }
    record.leased(*lease);
    Attempt& attempt = side.own(std::make_unique<Attempt>(
        loop, std::move(*lease), request, side, target.response_header_size, record,
        std::move(*call), kept, spent, std::span<const std::string>()));
    ResponseHead head;
    const Result<> came = co_await attempt.start(time, head);
    if (came) {
      auto answer = co_await read_answer(attempt, std::move(head), most_body);
      co_await side.end(attempt);
      co_return answer;
    }
    const bool again = attempt.replayable() && !tried.fresh;
    kept = attempt.kept();
    spent = attempt.spent();
    if (again) *call = attempt.take_call();
    co_await side.end(attempt);
    if (!again) co_return std::unexpected(came.error());
    tried.fresh = true;
  }
}

}  // namespace weir::proxy
