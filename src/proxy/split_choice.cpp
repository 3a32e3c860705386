#include "weir/proxy/split_choice.hpp"

#include <algorithm>

#include "weir/base/sip_hash.hpp"
#include "weir/base/text.hpp"
#include "weir/http/cookie.hpp"
#include "weir/proxy/balancer_key.hpp"

namespace weir::proxy {
namespace {

// Not secret: every gateway must agree, today and after an upgrade.
constexpr SipKey fixed_key{0x7765'6972'2073'706c, 0x6974'2073'7469'636b};

SplitChoice::Place place_at(std::string_view bytes) noexcept {
  return static_cast<SplitChoice::Place>(sip_hash_2_4(fixed_key, bytes) >> 32);
}

}  // namespace

SplitChoice::SplitChoice(const config::UpstreamAction& action,
                         std::span<const std::string> path_params)
    : path_params_(path_params) {
  if (action.by_header) {
    by_header_ = &*action.by_header;
    field_ = field_id(by_header_->header);
    for (const auto& [value, upstream] : by_header_->values) {
      const auto share = std::ranges::find(action.split, upstream, &config::SplitShare::upstream);
      values_.emplace_back(value, static_cast<std::size_t>(share - action.split.begin()));
    }
  }
  if (action.sticky) {
    const std::vector<KeyPart>& parts = action.sticky->key.parts;
    key_.emplace(parts);
    if (parts.size() == 1 && parts.front().source == KeySource::cookie) {
      cookie_ = parts.front().name;
    }
  }
}

std::optional<std::size_t> SplitChoice::by_header(const HeaderMap& headers) const noexcept {
  if (by_header_ == nullptr) return std::nullopt;
  for (const HeaderMap::Field& field : headers) {
    if (field.id != field_) continue;
    if (field_ == FieldId::other && !iequals(field.name, by_header_->header)) continue;
    for (const auto& [value, index] : values_) {
      if (field.value == value) return index;
    }
  }
  return std::nullopt;
}

std::optional<SplitChoice::Place> SplitChoice::place(const Request& request,
                                                     const Exchange& exchange) const {
  if (!cookie_.empty()) {
    const auto value = cookie_value(request.head.headers, cookie_);
    if (!value || value->empty()) return std::nullopt;
    return place_of(*value);
  }
  return place_at(key_->of(request, exchange, path_params_).view());
}

SplitChoice::Place SplitChoice::place_of(std::string_view cookie) noexcept {
  return place_at(cookie);
}

std::string SplitChoice::set_cookie(std::string_view value, bool secure) const {
  return place_cookie(cookie_, value, secure);
}

}  // namespace weir::proxy
