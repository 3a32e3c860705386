#include "weir/proxy/subrequest.hpp"

#include <algorithm>
#include <utility>

#include "proxy/deadline_field.hpp"
#include "proxy/side_request.hpp"
#include "proxy/upstream_fields.hpp"
#include "weir/net/loop_of.hpp"

namespace weir::proxy {
namespace {

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
    co_return co_await send_aside(target_, request, side, timeout, most_body);
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
