#include <algorithm>
#include <utility>

#include "middleware/types.hpp"
#include "weir/http/answer.hpp"

namespace weir {
namespace {

bool holds(const std::vector<Cidr>& networks, const IpAddress& address) noexcept {
  return std::ranges::any_of(networks,
                             [&](const Cidr& network) { return network.contains(address); });
}

// Asks for the client's address, which behind trusted proxies is not the peer's. A client without
// an address (a unix: peer that forwarded none) is in no network.
class IpFilter final : public Middleware {
 public:
  explicit IpFilter(config::IpFilter spec) : spec_(std::move(spec)) {}

  Task<Response> handle(Request& request, Exchange& exchange, Next next) override {
    if (!admits(exchange.client_ip)) return refuse(exchange);
    return next(request, exchange);
  }

 private:
  bool admits(const IpAddress& address) const noexcept {
    if (holds(spec_.deny, address)) return false;
    return spec_.allow.empty() || holds(spec_.allow, address);
  }

  static Task<Response> refuse(Exchange& exchange) {
    co_return problem(Reason::ip_denied, "the client's address is not allowed here",
                      exchange.request_id());
  }

  const config::IpFilter spec_;
};

}  // namespace

std::shared_ptr<Middleware> make_ip_filter(const config::IpFilter& spec) {
  return std::make_shared<IpFilter>(spec);
}

}  // namespace weir
