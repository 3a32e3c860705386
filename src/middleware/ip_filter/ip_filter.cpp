#include "middleware/ip_filter/ip_filter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "weir/http/answer.hpp"

namespace weir {
namespace {

bool holds(const std::vector<Cidr>& networks, const IpAddress& address) noexcept {
  return std::ranges::any_of(networks,
                             [&](const Cidr& network) { return network.contains(address); });
}

// A client without an address (a unix: peer that forwarded none) is in no network.
bool admits(const config::IpFilter& spec, const IpAddress& address) noexcept {
  if (holds(spec.deny, address)) return false;
  return spec.allow.empty() || holds(spec.allow, address);
}

// Asks for the client's address, which behind trusted proxies is not the peer's.
class IpFilter final : public Middleware {
 public:
  explicit IpFilter(config::IpFilter spec) : spec_(std::move(spec)) {}

  Task<Response> handle(Request& request, Exchange& exchange, Next next) override {
    if (!admits(spec_, exchange.context.client_ip)) return refuse(exchange);
    return next(request, exchange);
  }

 private:
  static Task<Response> refuse(Exchange& exchange) {
    co_return problem(Reason::ip_denied, "the client's address is not allowed here",
                      exchange.context.request_id());
  }

  const config::IpFilter spec_;
};

}  // namespace

std::shared_ptr<Middleware> make_ip_filter(const config::IpFilter& spec, const Making&) {
  return std::make_shared<IpFilter>(spec);
}

Explained explain_ip_filter(const config::IpFilter& spec, Explaining& asked) {
  const IpAddress& client = asked.exchange.context.client_ip;
  if (admits(spec, client)) {
    return {.text = fmt::format("ip_filter: {} is allowed", client.to_string())};
  }
  return explain_refusal("ip_filter", Reason::ip_denied, client.to_string() + " is denied");
}

}  // namespace weir
