#include "server/explain_middleware.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <variant>
#include <vector>

#include "weir/base/reason.hpp"
#include "weir/base/text.hpp"
#include "weir/config/model.hpp"
#include "weir/middleware/credentials.hpp"
#include "weir/middleware/token_places.hpp"

namespace weir::server {
namespace {

class MiddlewareView {
 public:
  MiddlewareView(const RequestHead& head, const IpAddress& client, int& answered) noexcept
      : head_(head), client_(client), answered_(answered) {}

  std::string operator()(const config::Cors& cors) const {
    const auto origin = head_.headers.get(FieldId::origin);
    if (!origin) return "cors: no Origin, so nothing to do";
    const bool allowed = std::ranges::any_of(
        cors.origins, [&](const std::string& one) { return one == "*" || iequals(one, *origin); });
    const bool preflight = head_.method == Method::options &&
                           head_.headers.contains(FieldId::access_control_request_method);
    if (preflight) answered_ = 204;
    return fmt::format("cors: {}origin {} is {}", preflight ? "preflight, answered here; " : "",
                       *origin, allowed ? "allowed" : "not allowed");
  }
  std::string operator()(const config::IpFilter& filter) const {
    const auto in = [&](const std::vector<Cidr>& list) {
      return std::ranges::any_of(list, [&](const Cidr& one) { return one.contains(client_); });
    };
    const bool denied = in(filter.deny) || (!filter.allow.empty() && !in(filter.allow));
    if (denied) answered_ = status_of(Reason::ip_denied);
    return fmt::format("ip_filter: {} is {}", client_.to_string(),
                       denied ? "denied (403 ip_denied)" : "allowed");
  }
  std::string operator()(const config::BodyLimit& limit) const {
    if (limit.size == 0) return "body_limit: none";
    const auto said = parse_decimal(head_.headers.get(FieldId::content_length).value_or(""));
    if (!said || *said <= limit.size) return fmt::format("body_limit: {} bytes", limit.size);
    answered_ = status_of(Reason::body_too_large);
    return fmt::format("body_limit: {} bytes is above {} (413 body_too_large)", *said, limit.size);
  }
  std::string operator()(const config::Headers& headers) const {
    return fmt::format(
        "headers: {} changes to the request, {} to the response",
        headers.request.set.size() + headers.request.add.size() + headers.request.remove.size(),
        headers.response.set.size() + headers.response.add.size() + headers.response.remove.size());
  }
  std::string operator()(const config::BasicAuth& auth) const {
    const OfferedPassword offered = offered_password(head_.headers);
    if (offered.refusal != Reason::none) return refuse("basic_auth", offered);
    return fmt::format("basic_auth: the password of {} would be checked (realm {})", offered.user,
                       auth.realm);
  }
  std::string operator()(const config::RateLimit& limit) const {
    return fmt::format("rate_limit: {}, burst {}, cost {}, by {}{}", to_text(limit.rate),
                       limit.bucket(), limit.cost, to_text(limit.key),
                       limit.dry_run ? ", dry run" : "");
  }
  std::string operator()(const config::ConcurrencyLimit& limit) const {
    return fmt::format("concurrency_limit: at most {} in flight, by {}", limit.limit,
                       to_text(limit.key));
  }
  std::string operator()(const config::Jwt& jwt) const {
    std::string issuers;
    for (const config::JwtIssuer& issuer : jwt.issuers) {
      if (!issuers.empty()) issuers += ", ";
      issuers += fmt::format("{} ({})", issuer.issuer, fmt::join(issuer.algorithms, ", "));
    }
    std::string rules;
    for (const config::ClaimRule& rule : jwt.require) {
      rules += fmt::format("; requires {} {}", rule.claim, fmt::join(rule.values, " "));
    }
    const std::size_t offered = count_tokens(head_, jwt.from);
    if (offered > 1) {
      answered_ = status_of(Reason::token_invalid);
      return "jwt: more than one token (401 token_invalid)";
    }
    if (offered == 1) return fmt::format("jwt: the token would be verified: {}{}", issuers, rules);
    if (jwt.optional) return "jwt: no token, which is allowed here";
    answered_ = status_of(Reason::token_missing);
    return "jwt: no token (401 token_missing)";
  }

  std::string operator()(const config::ApiKey& auth) const {
    OfferedKey offered = offered_key(head_.headers, to_lower(auth.header));
    if (offered.refusal == Reason::none && !is_known_key(auth, offered.key)) {
      offered = {.refusal = Reason::credentials_invalid, .detail = "unknown key", .key = {}};
    }
    if (offered.refusal != Reason::none) return refuse("api_key in " + auth.header, offered);
    return fmt::format("api_key: the key in {} is one of {}", auth.header, auth.keys.size());
  }
  std::string operator()(const config::ForwardAuth& auth) const {
    return fmt::format(
        "forward_auth: {} would be asked for {}; without an answer {}", auth.upstream, auth.path,
        auth.on_error == config::OnError::deny ? "503 auth_unavailable" : "the request goes on");
  }

 private:
  template <class Offered>
  std::string refuse(std::string_view what, const Offered& offered) const {
    answered_ = status_of(offered.refusal);
    return fmt::format("{}: {} ({} {})", what, offered.detail, answered_,
                       weir::name(offered.refusal));
  }

  const RequestHead& head_;
  const IpAddress& client_;
  int& answered_;
};

}  // namespace

std::string explain_middleware(const config::MiddlewareSpec& spec, const RequestHead& head,
                               const IpAddress& client, int& answered) {
  return std::visit(MiddlewareView(head, client, answered), spec);
}

}  // namespace weir::server
