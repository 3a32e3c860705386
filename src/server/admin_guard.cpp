#include "server/admin_guard.hpp"

#include <openssl/crypto.h>

#include <algorithm>

#include "server/admin_api.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/reason.hpp"
#include "weir/base/text.hpp"

namespace weir::server {
namespace {

// The host of "host[:port]", brackets off; "" if it is not of that form.
std::string_view bare_host(std::string_view authority) {
  const bool bracketed = authority.starts_with('[');
  const std::size_t end = bracketed ? authority.find(']') : authority.find(':');
  if (end == std::string_view::npos) return bracketed ? std::string_view() : authority;
  const std::string_view port = authority.substr(end + (bracketed ? 1 : 0));
  if (!port.empty() && (port.front() != ':' || !std::ranges::all_of(port.substr(1), is_digit))) {
    return {};
  }
  return bracketed ? authority.substr(1, end - 1) : authority.substr(0, end);
}

bool acceptable_host(std::string_view authority, const AdminPolicy& policy) {
  const std::string_view host = bare_host(authority);
  if (IpAddress::parse(host) || iequals(host, "localhost")) return true;
  return std::ranges::any_of(policy.allow_hosts, [&](const std::string& allowed) {
    return iequals(host, allowed) || iequals(authority, allowed);
  });
}

// A page of ours, opened under the very name that it now asks.
bool same_origin(const AdminRequest& request) {
  const std::string_view origin = request.origin;
  const std::size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && iequals(origin.substr(scheme + 3), request.authority);
}

bool has_token(const AdminRequest& request, const std::string& token) {
  constexpr std::string_view bearer = "bearer ";
  if (!istarts_with(request.authorization, bearer)) return false;
  const std::string_view given =
      trim(std::string_view(request.authorization).substr(bearer.size()));
  return given.size() == token.size() &&
         CRYPTO_memcmp(given.data(), token.data(), token.size()) == 0;
}

}  // namespace

AdminAnswer admin_problem(int status, std::string_view reason, std::string_view detail) {
  AdminAnswer answer;
  answer.status = status;
  answer.content_type = "application/problem+json";
  answer.body = R"({"type":"about:blank","title":")";
  answer.body += status_phrase(status);
  answer.body += R"(","status":)" + std::to_string(status) + R"(,"reason":")";
  append_json_escaped(answer.body, reason);
  answer.body += R"(","detail":")";
  append_json_escaped(answer.body, detail);
  answer.body += "\"}\n";
  return answer;
}

bool is_probe(std::string_view path) noexcept {
  return std::ranges::any_of(AdminApi::endpoints(), [&](const AdminApi::Endpoint& endpoint) {
    return endpoint.access == AdminApi::Access::anybody && endpoint.path == path;
  });
}

std::optional<AdminAnswer> guard(const AdminRequest& request, const AdminPolicy& policy) {
  if (is_probe(request.path)) return std::nullopt;
  if (!acceptable_host(request.authority, policy)) {
    return admin_problem(421, "misdirected",
                         "Host must be an IP address, localhost or in admin.allow_hosts");
  }
  if (!request.origin.empty() && !same_origin(request)) {
    return admin_problem(403, "foreign_origin",
                         "a web page of another origin may not use this address");
  }
  if (!policy.local) {
    if (policy.token.empty()) {
      return admin_problem(403, "token_required",
                           "this address is not loopback: set admin.token_file");
    }
    if (!has_token(request, policy.token)) {
      AdminAnswer answer =
          admin_problem(401, request.authorization.empty() ? "token_missing" : "token_invalid",
                        "Authorization: Bearer TOKEN");
      answer.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"weir admin\"");
      return answer;
    }
  }
  return std::nullopt;
}

}  // namespace weir::server
