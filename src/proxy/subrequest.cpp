#include "weir/proxy/subrequest.hpp"

#include <algorithm>
#include <utility>

#include "proxy/deadline_field.hpp"
#include "proxy/fetch/plan.hpp"
#include "proxy/side_request.hpp"
#include "proxy/upstream_fields.hpp"
#include "weir/net/loop_of.hpp"

namespace weir::proxy {
namespace {

// Notes where a question went.
class LastEndpoint final : public TryObserver {
 public:
  std::string_view endpoint() const noexcept { return endpoint_; }

 private:
  void try_begins(std::string_view endpoint, Duration, Duration) override { endpoint_ = endpoint; }
  bool wants_record(bool) const noexcept override { return false; }
  void try_ended(const TryRecord&, bool) override {}
  void grpc_ended(GrpcStatus) override {}
  void waited(Duration) override {}

  std::string_view endpoint_;  // in the question's arena
};

class UpstreamSubrequest final : public Subrequest {
 public:
  UpstreamSubrequest(SideTarget target, std::string_view via_name,
                     const config::Deadlines& deadlines)
      : target_(std::move(target)), via_name_(via_name), deadlines_(deadlines) {}

  Task<Result<SubrequestAnswer>> send(RequestHead head, Exchange& exchange, Duration timeout,
                                      std::size_t most_body) override {
    const TimePoint now = net::loop_of(exchange).now();
    Request request{.head = std::move(head)};
    add_upstream_fields(request.head, exchange, via_name_);
    SideCall side{.loop = net::loop_of(exchange),
                  .worker = exchange.context.connection.worker,
                  .client = exchange.context.client_ip,
                  .clock = {},
                  .scope = CancelScope(&exchange.scope),
                  .request_id = exchange.context.request_id(),
                  .priority = exchange.context.route->priority};
    side.clock.hard_deadline = std::min(deadline_after(now, timeout), exchange.clock.hard_deadline);
    DeadlineField told = DeadlineField::of(request.head, deadlines_);
    told.write(request.head, now, {now, timeout}, side.clock);
    if (!exchange.trace) co_return co_await send_aside(target_, request, side, timeout, most_body);
    RequestTrace& trace = *exchange.trace;
    const std::size_t span = trace.question_begins(now, target_.cluster->name(), request.head.path,
                                                   request.head.headers);
    LastEndpoint last;
    Result<SubrequestAnswer> answer =
        co_await send_aside(target_, request, side, timeout, most_body, &last);
    trace.question_ended(span, side.loop.now(), last.endpoint(), answer ? answer->head.status : 0,
                         answer ? Reason::none : answer.error().reason);
    co_return answer;
  }

 private:
  const SideTarget target_;
  const std::string_view via_name_;
  const config::Deadlines& deadlines_;
};

}  // namespace

std::shared_ptr<Subrequest> make_subrequest(SideTarget target, std::string_view via_name,
                                            const config::Deadlines& deadlines) {
  return std::make_shared<UpstreamSubrequest>(std::move(target), via_name, deadlines);
}

}  // namespace weir::proxy
