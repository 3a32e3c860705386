#include "weir/proxy/fault.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/fault_fields.hpp"
#include "weir/base/text.hpp"
#include "weir/control/share_sampler.hpp"
#include "weir/http/answer.hpp"
#include "weir/http/forwarded.hpp"
#include "weir/net/loop_of.hpp"
#include "weir/net/sleep.hpp"

namespace weir::proxy {
namespace {

// No reason of the table is meant: the answer says what it is, log and metrics have its status.
Response injected(int status, std::string_view request_id) {
  std::string body = R"({"type":"about:blank","title":")";
  body += status_phrase(status);
  body += R"(","status":)" + std::to_string(status);
  body += R"(,"detail":"a fault on purpose","request_id":")";
  append_json_escaped(body, request_id);
  body += "\"}\n";
  const bool no_content = status == 204 || status == 304;
  Response response = simple_answer(status, no_content ? "" : std::move(body),
                                    no_content ? "" : "application/problem+json");
  response.head.headers.add(FieldId::proxy_status, "proxy-status", "weir; details=\"fault\"");
  response.detail = "a fault on purpose";
  return response;
}

class FaultHandler final : public Handler {
 public:
  FaultHandler(const config::Route& route, unsigned workers, std::unique_ptr<Handler> last)
      : route_(route), last_(std::move(last)) {
    const config::Fault& fault = *route.fault;
    for (unsigned i = 0; i < workers; ++i) {
      const std::uint64_t seed = std::hash<std::string>{}(route.name) + 2 * i;
      shares_.push_back(Shares{{fault.delay ? fault.delay->share : 0.0, seed},
                               {fault.abort ? fault.abort->share : 0.0, seed + 1}});
    }
  }

  Task<Response> handle(Request& request, Exchange& exchange) override {
    Shares& shares = shares_[exchange.context.connection.worker];
    Duration delay = shares.delay.pick() ? route_.fault->delay->time : Duration::zero();
    int abort = shares.abort.pick() ? route_.fault->abort->status : 0;
    if (exchange.context.connection.peer_trusted) {
      const std::string_view wrong = take_asked(request.head.headers, delay, abort);
      if (!wrong.empty()) {
        co_return problem(Reason::bad_request, "malformed " + std::string(wrong),
                          exchange.context.request_id());
      }
    }
    if (delay != Duration::zero()) {
      const TimePoint now = net::loop_of(exchange).now();
      const Deadline head_end =
          std::min(deadline_after(exchange.context.head_received, route_.timeout),
                   exchange.clock.hard_deadline);
      const Deadline end = std::min(now + delay, head_end);
      const bool waited = co_await net::sleep_until(net::loop_of(exchange), end, &exchange.scope);
      if (!waited) {
        co_return problem(exchange.scope.reason(), "", exchange.context.request_id());
      }
      if (now + delay >= head_end) {
        co_return problem(Reason::request_timeout, "", exchange.context.request_id());
      }
    }
    if (abort != 0) co_return injected(abort, exchange.context.request_id());
    co_return co_await last_->handle(request, exchange);
  }

 private:
  // A cache line each: workers write theirs for every request.
  struct alignas(64) Shares {
    control::ShareSampler delay;
    control::ShareSampler abort;
  };

  // What the caller asks for replaces the shares' word; the fields go no further. Returns the name
  // of a field that makes no sense.
  static std::string_view take_asked(HeaderMap& headers, Duration& delay, int& abort) {
    if (const auto asked = headers.get(fault_delay_field)) {
      const auto parsed = parse_fault_delay(*asked);
      if (!parsed) return fault_delay_field;
      delay = *parsed;
    }
    if (const auto asked = headers.get(fault_abort_field)) {
      const auto parsed = parse_fault_status(*asked);
      if (!parsed) return fault_abort_field;
      abort = *parsed;
    }
    remove_spellings(headers, fault_delay_field);
    remove_spellings(headers, fault_abort_field);
    return {};
  }

  const config::Route& route_;
  const std::unique_ptr<Handler> last_;
  std::vector<Shares> shares_;
};

}  // namespace

std::unique_ptr<Handler> make_fault(const config::Route& route, unsigned workers,
                                    std::unique_ptr<Handler> last) {
  return std::make_unique<FaultHandler>(route, workers, std::move(last));
}

}  // namespace weir::proxy
