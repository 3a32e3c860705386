#include "weir/proxy/balancer_key.hpp"

#include "weir/base/sip_hash.hpp"
#include "weir/http/cookie.hpp"

namespace weir::proxy {
namespace {

// Not secret: every gateway must agree, today and after an upgrade. Not that of the split: who is
// on one upstream of a split shall not be on the same endpoint of it as all others there.
constexpr SipKey caller_key_seed{0x7765'6972'2062'616c, 0x616e'6365'7220'6b65};

}  // namespace

BalancerKey::BalancerKey(const config::Key& key, std::span<const std::string> path_params)
    : key_(key.parts), path_params_(path_params) {
  if (key.parts.size() == 1 && key.parts.front().source == KeySource::cookie) {
    cookie_ = key.parts.front().name;
  }
}

std::optional<std::uint64_t> BalancerKey::of(const Request& request,
                                             const Exchange& exchange) const {
  if (!cookie_.empty()) {
    const auto value = cookie_value(request.head.headers, cookie_);
    if (!value || value->empty()) return std::nullopt;
    return of_cookie(*value);
  }
  return sip_hash_2_4(caller_key_seed, key_.of(request, exchange, path_params_).view());
}

std::uint64_t BalancerKey::of_cookie(std::string_view value) noexcept {
  return sip_hash_2_4(caller_key_seed, value);
}

std::string place_cookie(std::string_view name, std::string_view value, bool secure) {
  std::string out(name);
  out += '=';
  out += value;
  out += "; Path=/; HttpOnly; SameSite=Lax";
  if (secure) out += "; Secure";
  return out;
}

}  // namespace weir::proxy
