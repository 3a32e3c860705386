// The keys of jwt: issuers, where tokens stand, what their claims must say.
#include <algorithm>
#include <array>
#include <optional>

#include "config/checks.hpp"
#include "config/document.hpp"
#include "config/jwt_keys.hpp"
#include "config/kinds.hpp"
#include "config/middleware_fields.hpp"
#include "weir/base/text.hpp"
#include "weir/http/forwarded.hpp"

namespace weir::config {
namespace {

constexpr std::uint64_t most_entries = 10'000'000;
constexpr std::array<std::string_view, 13> algorithm_names{
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256",
    "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"};

Wrong check_algorithm(std::string& written) {
  if (std::ranges::find(algorithm_names, written) != algorithm_names.end()) return std::nullopt;
  if (iequals(written, "none"))
    return "'none' is not an algorithm: unsigned tokens are never accepted";
  const std::string_view near = nearest(written, algorithm_names);
  return in_quotes(written) +
         " is not one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, "
         "ES384, ES512, EdDSA" +
         (near.empty() ? "" : " (did you mean " + in_quotes(near) + "?)");
}

Value algorithms_value(std::vector<std::string>& target) {
  Value out = texts(target, check_algorithm);
  out.read = [read = std::move(out.read)](const Reader& in) {
    read(in);
    if (in.is_list() && !in.has_items()) in.error("must not be empty");
  };
  return out;
}

Fields fields(JwtIssuer& issuer) {
  return {{"issuer", text(issuer.issuer, check_printable), "equal to the token's `iss`",
           Need::required},
          {"audiences", texts(issuer.audiences, check_printable),
           "one of them must be in the token's `aud`; empty: `aud` is not checked"},
          {"algorithms", algorithms_value(issuer.algorithms), "that its tokens may be signed with",
           Need::required},
          {"typ",
           printed_if([&issuer] { return !issuer.typ.empty(); }, text(issuer.typ, check_printable)),
           "the header's typ; absent: none, JWT or at+jwt"},
          {"keys", jwt_keys_value(issuer.keys),
           "one of jwks_file, jwks_url, secret, secret_file, public_key_file", Need::required}};
}

// `{header: N}`, `{cookie: N}` or `{query: N}`.
constexpr std::array<std::string_view, 3> place_words{"header", "cookie", "query"};
constexpr std::array<std::string_view, 3> place_docs{
    "a request header; in authorization, the token after \"Bearer \"", "a cookie",
    "a parameter of the query, which every log shows"};

std::optional<TokenPlace> read_place(const Reader& in) {
  std::optional<TokenPlace> out;
  in.each_entry([&](const std::string& key, const Reader& value) {
    const auto word = std::ranges::find(place_words, key);
    if (word == place_words.end()) {
      return value.key_error(
          "unknown key " + in_quotes(key) +
          ": a token comes in a header, a cookie or a query (which every log shows)");
    }
    if (out) return value.key_error("an entry has one place; write another entry for this one");
    auto name = value.text();
    if (!name) return;
    if (Wrong wrong = check_token(*name)) return value.error(std::move(*wrong));
    out = TokenPlace{static_cast<TokenPlace::Kind>(word - place_words.begin()), std::move(*name)};
  });
  return out;
}

Value places_value(std::vector<TokenPlace>& places) {
  return {.read =
              [&places](const Reader& in) {
                places.clear();
                in.each_item([&](const Reader& item) {
                  auto place = read_place(item);
                  if (!place) {
                    if (item.is_map() && !item.has_items())
                      item.error("names no place; write {header: N}, {cookie: N} or {query: N}");
                    return;
                  }
                  if (std::ranges::find(places, *place) != places.end()) {
                    return item.error("the place is given twice");
                  }
                  places.push_back(std::move(*place));
                });
                if (in.is_list() && !in.has_items()) in.error("must not be empty");
              },
          .print =
              [&places] {
                Tree out = Tree::list();
                for (const TokenPlace& place : places) {
                  Tree each = Tree::map();
                  each.set(place_words[static_cast<std::size_t>(place.kind)], place.name);
                  out.push(std::move(each));
                }
                return out;
              },
          .schema =
              [] {
                Tree properties = Tree::map();
                for (std::size_t i = 0; i < place_words.size(); ++i) {
                  Tree name = text_schema();
                  name.set("description", place_docs[i]);
                  properties.set(place_words[i], std::move(name));
                }
                return Tree::map({{"type", "array"},
                                  {"minItems", std::int64_t{1}},
                                  {"items", one_key_schema(std::move(properties))}});
              }};
}

Value rules_value(std::vector<ClaimRule>& rules) {
  return {.read =
              [&rules](const Reader& in) {
                rules.clear();
                in.each_entry([&](const std::string& key, const Reader& value) {
                  ClaimRule rule{key, {}};
                  texts(rule.values, check_printable).read(value);
                  if (key == "scope") {  // one text may hold several
                    std::vector<std::string> words;
                    for (const std::string& each : rule.values) {
                      std::string_view left = each;
                      while (!left.empty()) {
                        const std::size_t space = left.find(' ');
                        if (space != 0) words.emplace_back(left.substr(0, space));
                        left.remove_prefix(space == left.npos ? left.size() : space + 1);
                      }
                    }
                    rule.values = std::move(words);
                  }
                  if (rule.values.empty() && (value.is_text() || value.is_list())) {
                    value.error("must not be empty");
                  }
                  rules.push_back(std::move(rule));
                });
              },
          .print =
              [&rules] {
                Tree out = Tree::map();
                for (const ClaimRule& rule : rules) {
                  Tree values = Tree::list();
                  for (const std::string& each : rule.values) values.push(each);
                  out.set(rule.claim, std::move(values));
                }
                return out;
              },
          .schema =
              [] {
                std::vector<std::string> sample;
                return Tree::map({{"type", "object"},
                                  {"additionalProperties", texts(sample, check_any).schema()}});
              }};
}

Value claim_fields_value(std::vector<std::pair<std::string, std::string>>& target) {
  return {
      .read =
          [&target](const Reader& in) {
            target.clear();
            in.each_entry([&](const std::string& claim, const Reader& value) {
              auto name = value.text();
              if (!name) return;
              if (Wrong wrong = check_changeable_field_name(*name)) {
                return value.error(std::move(*wrong));
              }
              const auto same = [&](const auto& each) {
                return same_field_name(each.second, *name);
              };
              if (std::ranges::any_of(target, same)) {
                return value.error("the field is given twice");
              }
              target.emplace_back(claim, std::move(*name));
            });
          },
      .print =
          [&target] {
            Tree out = Tree::map();
            for (const auto& [claim, name] : target) out.set(claim, name);
            return out;
          },
      .schema =
          [] { return Tree::map({{"type", "object"}, {"additionalProperties", text_schema()}}); }};
}

Fields fields(Jwt::Cache& cache) {
  return {{"entries", count(cache.entries, 0, most_entries), "verified tokens; 0: none is kept"},
          {"ttl", duration(cache.ttl),
           "how long one is accepted without another check, never past exp"}};
}

}  // namespace

Fields fields(Jwt& jwt, std::vector<Written>&) {
  return {
      {"issuers",
       blocks(
           jwt.issuers, [](JwtIssuer& issuer) { return fields(issuer); },
           [](const JwtIssuer& issuer, const Reader& item) {
             if (!item.context().checks.opens_files) return;
             const std::string wrong = jwt_issuer_fault(issuer);
             if (!wrong.empty()) item.error(wrong);
           }),
       "whose tokens are accepted; chosen by `iss`", Need::required},
      {"from", places_value(jwt.from), "where a token may stand: {header}, {cookie} or {query}"},
      {"require", rules_value(jwt.require),
       "claims and their values; of scope all (403 insufficient_scope), of others any (403 "
       "claim_mismatch)"},
      {"clock_skew", duration(jwt.clock_skew, Zero::allowed),
       "difference of clocks that is allowed in exp, nbf and iat"},
      {"require_exp", flag(jwt.require_exp), "a token without exp is refused"},
      {"max_lifetime", duration(jwt.max_lifetime, Zero::allowed),
       "longest time from iat, or without it from now, to exp; then exp is required; 0: no limit"},
      {"claims_to_headers", claim_fields_value(jwt.claims_to_headers),
       "claims that are sent to the upstream as header fields; a client's own are removed"},
      {"forward", flag(jwt.forward), "the token is forwarded to the upstream"},
      {"optional", flag(jwt.optional), "no token is fine, a bad one is not"},
      {"cache", block(fields(jwt.cache)), "the cache of verified tokens"}};
}

std::string_view fault(const Jwt& jwt) {
  for (std::size_t i = 0; i < jwt.issuers.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (jwt.issuers[i].issuer == jwt.issuers[j].issuer) return "an issuer is given twice";
    }
  }
  if (jwt.clock_skew > 5min) return "`clock_skew` is at most 5m";
  for (const auto& [claim, name] : jwt.claims_to_headers) {
    for (const TokenPlace& place : jwt.from) {
      const bool same = place.kind == TokenPlace::Kind::header
                            ? same_field_name(place.name, name)
                            : place.kind == TokenPlace::Kind::cookie && iequals(name, "cookie");
      if (same) return "`claims_to_headers` names the field that the token comes in";
    }
  }
  return "";
}

}  // namespace weir::config
