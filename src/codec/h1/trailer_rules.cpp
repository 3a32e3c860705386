#include "codec/h1/trailer_rules.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "weir/base/text.hpp"

namespace weir::codec::h1 {
namespace {

constexpr std::array<std::string_view, 37> forbidden{
    // framing, connection, routing
    "host", "trailer", "alt-svc", "via", "proxy", "x-original-url", "x-rewrite-url",
    "x-http-method-override",
    // who asks
    "authorization", "cookie", "set-cookie", "www-authenticate", "authentication-info", "x-api-key",
    "forwarded", "x-real-ip", "x-client-ip", "true-client-ip", "x-request-id", "traceparent",
    "tracestate", "origin", "referer",
    // how to read, answer and keep
    "expect", "max-forwards", "range", "cache-control", "pragma", "age", "expires", "date", "vary",
    "warning", "location", "retry-after", "clear-site-data", "strict-transport-security"};
constexpr std::array<std::string_view, 6> forbidden_prefixes{
    "content-", "x-forwarded-", "proxy-", "if-", "access-control-", "sec-"};

}  // namespace

bool may_be_trailer(const HeaderMap::Field& field) noexcept {
  if (is_hop_by_hop(field.id) || field.id == FieldId::content_length) return false;
  return std::ranges::none_of(forbidden,
                              [&](std::string_view name) { return iequals(field.name, name); }) &&
         std::ranges::none_of(forbidden_prefixes, [&](std::string_view prefix) {
           return istarts_with(field.name, prefix);
         });
}

}  // namespace weir::codec::h1
