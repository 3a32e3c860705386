#include "server/explain_words.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include "weir/base/text.hpp"

namespace weir::server {

std::optional<AskedUrl> parse_asked_url(std::string_view text, std::string_view host_field) {
  AskedUrl url;
  url.authority = host_field;
  if (istarts_with(text, "http://") || istarts_with(text, "https://")) {
    url.scheme = istarts_with(text, "https://") ? Scheme::https : Scheme::http;
    text.remove_prefix(text.find("://") + 3);
    const std::size_t end = std::min(text.find_first_of("/?"), text.size());
    url.authority = text.substr(0, end);
    text.remove_prefix(end);
    if (url.authority.empty()) return std::nullopt;
  } else if (!text.starts_with('/')) {
    return std::nullopt;
  }
  const std::size_t mark = text.find('?');
  url.path = text.substr(0, mark);
  if (url.path.empty()) url.path = "/";
  if (mark != std::string_view::npos) {
    url.has_query = true;
    url.query = text.substr(mark + 1);
  }
  return url;
}

bool asks_for_certificates(const config::ListenerTls& tls) {
  const auto asks = [](const config::ClientAuth& auth) {
    return auth.mode != config::ClientAuthMode::off;
  };
  return asks(tls.client_auth) || std::ranges::any_of(tls.certificates, [&](const auto& one) {
           return one.client_auth && asks(*one.client_auth);
         });
}

bool has_element(const HeaderMap& headers, FieldId id, std::string_view word) {
  bool found = false;
  for (const HeaderMap::Field& field : headers) {
    if (field.id != id) continue;
    for_each_element(field.value, [&](std::string_view each) {
      found = found || iequals(each, word);
      return !found;
    });
  }
  return found;
}

std::string host_of(std::string_view authority) {
  std::string_view host = authority;
  if (host.starts_with('[')) {
    host = host.substr(0, host.find(']') + 1);
  } else {
    host = host.substr(0, host.find(':'));
    if (host.ends_with('.')) host.remove_suffix(1);
  }
  return to_lower(host);
}

std::string fault_text(const config::Fault& fault) {
  std::vector<std::string> parts;
  if (fault.delay) {
    const std::chrono::duration<double> time = fault.delay->time;
    parts.push_back(fmt::format("{}% wait {}s", fault.delay->share * 100, time.count()));
  }
  if (fault.abort) {
    parts.push_back(
        fmt::format("{}% are answered with {}", fault.abort->share * 100, fault.abort->status));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string upgrade_text(const config::Route& route) {
  return route.upgrades.empty()
             ? "the route has no `upgrades: [websocket]`: the upstream gets the handshake without "
               "its Upgrade, as a plain GET; over HTTP/2 it is 501"
             : "websocket: the handshake is forwarded";
}

std::string duration_text(Duration duration) {
  return duration == Duration::zero()
             ? "none"
             : fmt::format("{}s", std::chrono::duration<double>(duration).count());
}

std::string hedge_text(const config::Hedge& hedge, Method method) {
  if (!is_idempotent(method)) return "not for this method";
  constexpr std::array<std::string_view, 5> words{"", "p50", "p90", "p95", "p99"};
  const std::string_view word = words[static_cast<std::size_t>(hedge.after)];
  return fmt::format(
      "without content: at most {} more after {}", hedge.most,
      word.empty() ? duration_text(hedge.time) : fmt::format("{} of the upstream's heads", word));
}

}  // namespace weir::server
