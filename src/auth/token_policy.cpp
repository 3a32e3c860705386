#include "weir/auth/token_policy.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include "auth/claim_rules.hpp"
#include "auth/issuer_keys.hpp"
#include "auth/key_source.hpp"
#include "auth/token.hpp"
#include "auth/token_cache.hpp"
#include "weir/net/offloaded.hpp"

namespace weir::auth {
namespace {

// How long a request waits for keys on their way, and for its signature off the loop.
constexpr Duration longest_wait = std::chrono::seconds(5);

Verdict refused(Reason reason, std::string_view why) {
  Verdict out{.reason = reason, .detail = "token: ", .token = nullptr};
  out.detail += why;
  return out;
}

// A token with the keys that may have signed it.
struct Candidate {
  Token token;
  std::shared_ptr<const KeySet> keys;  // keeps what `tried` points to
  KeySet::Candidates tried;
  std::uint64_t generation = 0;

  void look_up(KeySource& source) {
    generation = source.generation();
    keys = source.keys();
    tried = keys == nullptr ? KeySet::Candidates() : keys->candidates(token.algorithm, token.kid);
  }
  bool slow() const {
    return std::ranges::any_of(tried.all(), [](const auto* key) { return key->slow(); });
  }
  bool signature_is_valid() const {
    return std::ranges::any_of(tried.all(), [&](const auto* key) {
      return key->verify(token.algorithm, token.signed_text, token.signature);
    });
  }
};

}  // namespace

class TokenPolicy::Parts {
 public:
  Parts(const config::Jwt& config, KeyKeeper& keeper, Offload& pool)
      : spec(config), offload(pool), cache(config.cache.entries, config.cache.ttl) {
    for (const config::JwtIssuer& issuer : spec.issuers) {
      auto source = keeper.source(issuer);
      if (!source) throw std::invalid_argument("keys of " + issuer.issuer + ": " + source.error());
      sources.push_back(std::move(*source));
      allowed.push_back(algorithms_of(issuer));
    }
  }

  std::optional<std::size_t> issuer_of(const Token& token) const noexcept {
    const auto iss = text_of(token.claims, "iss");
    if (!iss) return std::nullopt;
    const auto found = std::ranges::find(spec.issuers, *iss, &config::JwtIssuer::issuer);
    if (found == spec.issuers.end()) return std::nullopt;
    return static_cast<std::size_t>(found - spec.issuers.begin());
  }

  // REQUIRES: the signature is valid.
  Verdict judge(const Candidate& candidate, std::size_t issuer, WallTime now) const {
    const json::object& claims = candidate.token.claims;
    const config::JwtIssuer& of = spec.issuers[issuer];
    Refused refusal = check_typ(candidate.token.typ, of.typ);
    if (!refusal) refusal = check_times(claims, now, spec.clock_skew);
    if (!refusal) {
      refusal = check_lifetime(claims, now, spec.clock_skew, spec.require_exp, spec.max_lifetime);
    }
    if (!refusal) refusal = check_audience(claims, of.audiences);
    if (!refusal) refusal = check_rules(claims, spec.require);
    if (refusal) return refused(refusal->reason, refusal->detail);
    auto fields = claim_fields(claims, spec.claims_to_headers);
    if (!fields) return refused(Reason::token_invalid, "a claim cannot be the value of a header");
    Verdict out;
    out.token = std::make_shared<const VerifiedToken>(claim_texts(claims), std::move(*fields),
                                                      expiry(claims), issuer, candidate.generation);
    return out;
  }

  const config::Jwt spec;
  Offload& offload;
  std::vector<std::shared_ptr<KeySource>> sources;  // of each issuer
  std::vector<Algorithms> allowed;                  // of each issuer
  TokenCache cache;
};

TokenDigest digest_of(std::string_view token) { return sha256(token); }

TokenPolicy::TokenPolicy(const config::Jwt& spec, KeyKeeper& keeper, Offload& offload)
    : parts_(std::make_unique<Parts>(spec, keeper, offload)) {}
TokenPolicy::~TokenPolicy() = default;

std::shared_ptr<const VerifiedToken> TokenPolicy::remembered(const TokenDigest& digest,
                                                             Moment now) noexcept {
  auto token = parts_->cache.find(digest, now);
  if (token != nullptr && token->key_generation != parts_->sources[token->issuer]->generation()) {
    return nullptr;
  }
  return token;
}

Task<Verdict> TokenPolicy::verify(std::string_view text, TokenDigest digest, Moment now,
                                  net::Loop& loop, IpAddress client, CancelScope* scope) {
  auto parsed = parse_token(text);
  if (!parsed) co_return refused(Reason::token_invalid, parsed.error());
  const auto issuer = parts_->issuer_of(*parsed);
  if (!issuer) co_return refused(Reason::token_invalid, "its iss is not a known issuer");
  if (!parts_->allowed[*issuer].has(parsed->algorithm)) {
    co_return refused(Reason::token_invalid, "its alg is not allowed");
  }
  KeySource& source = *parts_->sources[*issuer];
  Candidate candidate{.token = std::move(*parsed), .keys = nullptr, .tried = {}};
  candidate.look_up(source);
  if (candidate.tried.count == 0) {
    if (candidate.keys == nullptr || source.ask(now.steady)) {
      co_await source.fetched(loop, now.steady + longest_wait, scope);
      if (scope != nullptr && scope->cancelled()) {
        co_return refused(scope->reason(), "while its issuer's keys were fetched");
      }
    }
    // Also where no fetch is due: one may have ended since the first look.
    candidate.look_up(source);
  }
  if (candidate.keys == nullptr) {
    co_return refused(Reason::keys_unavailable, "the issuer's keys could not be fetched");
  }
  if (candidate.tried.count == 0) {
    co_return refused(Reason::token_invalid, "it is signed with an unknown key");
  }

  bool valid = false;
  if (candidate.slow()) {
    // The job may outlive the request: it owns the text that the token points into.
    struct Job {
      std::string text;
      Candidate candidate;
    };
    const auto job = std::make_shared<Job>(std::string(text), candidate);
    job->candidate.token.signed_text =
        std::string_view(job->text).substr(0, candidate.token.signed_text.size());
    auto work = [job] { return job->candidate.signature_is_valid(); };
    const Offload::For whom{Offload::Use::signatures, client};
    const Result<bool> verdict = co_await net::offload(
        parts_->offload, loop, now.steady + longest_wait, std::move(work), whom, scope);
    if (!verdict) {
      co_return refused(verdict.error().reason, "its signature was not checked in time");
    }
    valid = *verdict;
  } else {
    valid = candidate.signature_is_valid();
  }
  if (!valid) co_return refused(Reason::token_invalid, "its signature is not valid");

  Verdict verdict = parts_->judge(candidate, *issuer, now.wall);
  if (verdict.reason == Reason::none) parts_->cache.insert(digest, verdict.token, now);
  co_return verdict;
}

}  // namespace weir::auth
