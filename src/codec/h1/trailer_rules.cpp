#include "codec/h1/trailer_rules.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "weir/base/text.hpp"

namespace weir::codec::h1 {
namespace {

constexpr std::array<std::string_view, 44> forbidden{
    // framing, connection, routing
    "host", "trailer", "connection", "keep-alive", "te", "transfer-encoding", "upgrade",
    "http2-settings", "alt-svc", "via", "proxy", "x-original-url", "x-rewrite-url",
    "x-http-method-override",
    // who asks
    "authorization", "cookie", "set-cookie", "www-authenticate", "authentication-info", "x-api-key",
    "forwarded", "x-real-ip", "x-client-ip", "true-client-ip", "x-request-id", "x-request-timeout",
    "traceparent", "tracestate", "origin", "referer",
    // how to read, answer and keep
    "expect", "max-forwards", "range", "cache-control", "pragma", "age", "expires", "date", "vary",
    "warning", "location", "retry-after", "clear-site-data", "strict-transport-security"};
constexpr std::array<std::string_view, 6> forbidden_prefixes{
    "content-", "x-forwarded-", "proxy-", "if-", "access-control-", "sec-"};

// '_' counts as '-': some recipients take the one for the other.
char folded(char c) noexcept { return c == '_' ? '-' : to_lower(c); }

bool starts_with(std::string_view name, std::string_view lower) noexcept {
  return name.size() >= lower.size() &&
         std::equal(lower.begin(), lower.end(), name.begin(),
                    [](char wanted, char c) { return wanted == folded(c); });
}

}  // namespace

bool may_be_trailer(const HeaderMap::Field& field) noexcept {
  return std::ranges::none_of(forbidden,
                              [&](std::string_view name) {
                                return name.size() == field.name.size() &&
                                       starts_with(field.name, name);
                              }) &&
         std::ranges::none_of(forbidden_prefixes, [&](std::string_view prefix) {
           return starts_with(field.name, prefix);
         });
}

}  // namespace weir::codec::h1
