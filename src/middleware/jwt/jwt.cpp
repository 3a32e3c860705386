#include "middleware/jwt/jwt.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "middleware/jwt/token_places.hpp"
#include "weir/auth/token_policy.hpp"
#include "weir/http/answer.hpp"
#include "weir/http/forwarded.hpp"
#include "weir/net/loop_of.hpp"
#include "weir/telemetry/jwt_metrics.hpp"
#include "weir/telemetry/occasional.hpp"

namespace weir {
namespace {

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

// All that decides whether a token is good, as a text: kept state goes on while it is the same.
std::string settings_of(const config::Jwt& spec) {
  std::string out;
  const auto put = [&](std::string_view text) {
    out += std::to_string(text.size());
    out += ':';
    out += text;
  };
  for (const config::JwtIssuer& issuer : spec.issuers) {
    put("issuer");
    put(issuer.issuer);
    for (const std::string& each : issuer.audiences) put("aud=" + each);
    for (const std::string& each : issuer.algorithms) put("alg=" + each);
    put(issuer.typ);
    put(std::to_string(static_cast<int>(issuer.keys.kind)));
    put(issuer.keys.path.empty() ? issuer.keys.value : issuer.keys.path);
  }
  for (const config::ClaimRule& rule : spec.require) {
    put("require");
    put(rule.claim);
    for (const std::string& each : rule.values) put(each);
  }
  for (const auto& [claim, field] : spec.claims_to_headers) {
    put("field");
    put(claim);
    put(field);
  }
  put(std::to_string(spec.clock_skew.count()));
  put(spec.require_exp ? "require_exp" : "");
  put(std::to_string(spec.max_lifetime.count()));
  put(std::to_string(spec.cache.entries));
  put(std::to_string(spec.cache.ttl.count()));
  return out;
}

// RFC 6750, RFC 7519, RFC 8725. A token that was good a moment ago costs a hash and a look; the
// others are verified, where that takes long or keys are on their way without holding up the
// worker.
class Jwt final : public Middleware {
 public:
  Jwt(const config::Jwt& spec, std::shared_ptr<auth::TokenPolicy> policy,
      std::shared_ptr<auth::KeyKeeper> keeper, std::shared_ptr<telemetry::JwtMetrics> metrics,
      std::vector<std::shared_ptr<telemetry::JwtKeysMetrics>> keys)
      : spec_(spec),
        keeper_(std::move(keeper)),
        policy_(std::move(policy)),
        metrics_(std::move(metrics)),
        keys_(std::move(keys)) {
    for (const config::ClaimRule& rule : spec.require) {
      if (rule.claim != "scope") continue;
      for (const std::string& each : rule.values) {
        if (!scope_.empty()) scope_ += ' ';
        scope_ += each;
      }
    }
  }

  Task<Response> handle(Request& request, Exchange& exchange, Next next) override {
    RequestHead& head = request.head;
    for (const auto& [claim, field] : spec_.claims_to_headers) {
      remove_spellings(head.headers, field);
    }
    const OfferedToken offered = find_token(head, spec_.from);
    if (offered.count == 0) {
      if (spec_.optional) return next(request, exchange);
      return refuse(Reason::token_missing, "token: none was sent", exchange);
    }
    if (offered.count > 1) {
      return refuse(Reason::token_invalid, "token: more than one was sent", exchange);
    }
    const auth::TokenDigest digest = auth::digest_of(offered.token);
    const auth::Moment now{
        net::loop_of(exchange).now(),
        std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now())};
    auto remembered = policy_->remembered(digest, now);
    if (remembered == nullptr) return verified(request, exchange, next, offered, digest, now);
    count(exchange, Reason::none, true);
    admit(request, exchange, std::move(remembered), offered.place);
    return next(request, exchange);
  }

 private:
  Task<Response> verified(Request& request, Exchange& exchange, Next next, OfferedToken offered,
                          auth::TokenDigest digest, auth::Moment now) {
    auth::Verdict verdict =
        co_await policy_->verify(offered.token, digest, now, net::loop_of(exchange),
                                 exchange.context.client_ip, &exchange.scope);
    // Nobody judged the token.
    if (exchange.scope.cancelled()) {
      co_return problem(exchange.scope.reason(), verdict.detail, exchange.context.request_id());
    }
    if (verdict.reason != Reason::none) {
      co_return refusal(verdict.reason, verdict.detail, exchange);
    }
    count(exchange, Reason::none, false);
    admit(request, exchange, std::move(verdict.token), offered.place);
    co_return co_await next(request, exchange);
  }

  void admit(Request& request, Exchange& exchange, std::shared_ptr<const auth::VerifiedToken> token,
             std::size_t place) const {
    for (const auto& [name, value] : token->fields()) request.head.headers.add(name, value);
    if (!spec_.forward) remove_token(request.head, spec_.from[place]);
    if (const std::string_view subject = token->claim("sub"); !subject.empty()) {
      // A copy: the token goes before the log's line is written.
      exchange.decisions.user = request.head.headers.arena().copy(subject);
    }
    exchange.decisions.claims = token.get();
    exchange.hold(std::move(token));
  }

  void count(const Exchange& exchange, Reason result, bool cached) const {
    metrics_->shard(exchange.context.connection.worker).count(result, cached);
  }

  Task<Response> refuse(Reason reason, std::string_view detail, Exchange& exchange) const {
    co_return refusal(reason, detail, exchange);
  }

  // Never the token, nor anything of it: `detail` is the class of failure.
  void log_refusal(Reason reason, std::string_view detail, const Exchange& exchange) const {
    namespace log = telemetry::log;
    log::occasionally(net::loop_of(exchange).now(), log::Level::info, "token refused",
                      {{"policy", metrics_->policy()}, {"reason", name(reason)}, {"error", detail}},
                      {{"client", exchange.context.client_ip.to_string()}});
  }

  Response refusal(Reason reason, std::string_view detail, const Exchange& exchange) const {
    count(exchange, reason, false);
    if (reason != Reason::token_missing) log_refusal(reason, detail, exchange);
    Response response = problem(reason, detail, exchange.context.request_id());
    const bool scope = reason == Reason::insufficient_scope;
    if (status_of(reason) != 401 && !scope) return response;
    std::string challenge = "Bearer realm=\"weir\"";
    if (reason != Reason::token_missing) {
      challenge += scope ? ", error=\"insufficient_scope\"" : ", error=\"invalid_token\"";
      challenge += ", error_description=";
      append_quoted(challenge, detail);
    }
    if (scope) {
      challenge += ", scope=";
      append_quoted(challenge, scope_);
    }
    response.head.headers.add(FieldId::www_authenticate, "www-authenticate", challenge);
    return response;
  }

  const config::Jwt spec_;
  const std::shared_ptr<auth::KeyKeeper> keeper_;  // before the policy, which it outlives
  const std::shared_ptr<auth::TokenPolicy> policy_;
  const std::shared_ptr<telemetry::JwtMetrics> metrics_;
  const std::vector<std::shared_ptr<telemetry::JwtKeysMetrics>> keys_;  // of URLs; shown while held
  std::string scope_;  // wanted, words with spaces between
};

}  // namespace

std::shared_ptr<Middleware> make_jwt(const config::Jwt& spec, const Making& with) {
  const auto& [name, path_params, services] = with;
  auto keeper = services.kept.get<auth::KeyKeeper>(
      "", "", [] { return std::make_shared<auth::KeyKeeper>(); });
  // Also where the policy goes on: what stands in its files now is taken over. Held until the
  // policy holds them, or a new one would be fetched twice.
  std::vector<std::shared_ptr<auth::KeySource>> sources;
  std::vector<std::shared_ptr<telemetry::JwtKeysMetrics>> keys;
  for (const config::JwtIssuer& issuer : spec.issuers) {
    auto source = keeper->source(issuer);
    if (!source) throw std::invalid_argument("keys of " + issuer.issuer + ": " + source.error());
    if (issuer.keys.kind == config::JwtKeyKind::jwks_url) {
      keys.push_back(services.metrics.jwt_keys(name, issuer.issuer, auth::last_success(**source)));
    }
    sources.push_back(std::move(*source));
  }
  auto policy = services.kept.get<auth::TokenPolicy>(name, settings_of(spec), [&] {
    return std::make_shared<auth::TokenPolicy>(spec, *keeper, services.offload);
  });
  return std::make_shared<Jwt>(spec, std::move(policy), std::move(keeper),
                               services.metrics.jwt(name), std::move(keys));
}

// The token is found, but not verified.
Explained explain_jwt(const config::Jwt& spec, Explaining& asked) {
  RequestHead& head = asked.request.head;
  for (const auto& [claim, field] : spec.claims_to_headers) remove_spellings(head.headers, field);
  const OfferedToken offered = find_token(head, spec.from);
  if (offered.count > 1) {
    return explain_refusal("jwt", Reason::token_invalid, "more than one token");
  }
  if (offered.count == 0) {
    if (spec.optional) return {.text = "jwt: no token, which is allowed here"};
    return explain_refusal("jwt", Reason::token_missing, "no token");
  }
  if (!spec.forward) remove_token(head, spec.from[offered.place]);
  std::string issuers;
  for (const config::JwtIssuer& issuer : spec.issuers) {
    if (!issuers.empty()) issuers += ", ";
    issuers += fmt::format("{} ({})", issuer.issuer, fmt::join(issuer.algorithms, ", "));
  }
  std::string rules;
  for (const config::ClaimRule& rule : spec.require) {
    rules += fmt::format("; requires {} {}", rule.claim, fmt::join(rule.values, " "));
  }
  return {.text = fmt::format("jwt: the token would be verified: {}{}", issuers, rules)};
}

std::vector<std::string> fields_of_jwt(const config::Jwt& spec) {
  std::vector<std::string> out;
  for (const auto& [claim, field] : spec.claims_to_headers) out.push_back(field);
  return out;
}

}  // namespace weir
