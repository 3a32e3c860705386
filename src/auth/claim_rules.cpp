#include "auth/claim_rules.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "weir/base/text.hpp"

namespace weir::auth {
namespace {

constexpr std::int64_t last_second = 253'402'300'799;  // of the year 9999
constexpr std::size_t deepest_claim = 4;

Refusal invalid(std::string_view detail) { return {Reason::token_invalid, std::string(detail)}; }

// As JavaScript writes it: without an exponent where that is of no use, and 1.0 is 1.
std::string number_text(double number) {
  const double size = std::abs(number);
  const bool plain = size == 0 || (size >= 1e-6 && size < 1e21);
  char text[64];  // fixed: at most a sign, 21 digits, a point and 23 more
  const auto end = std::to_chars(text, text + sizeof text, number,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific);
  return {text, end.ptr};
}

// The text of a string, number or boolean.
std::optional<std::string> scalar_text(const json::value& value) {
  if (value.is_string()) return std::string(view(value.get_string()));
  if (value.is_bool()) return value.get_bool() ? "true" : "false";
  if (value.is_int64()) return std::to_string(value.get_int64());
  if (value.is_uint64()) return std::to_string(value.get_uint64());
  if (value.is_double()) return number_text(value.get_double());
  return std::nullopt;
}

bool is_one_of(const json::value& value, std::span<const std::string> texts) {
  const auto text = scalar_text(value);
  return text && std::ranges::find(texts, *text) != texts.end();
}

bool has_word(std::string_view words, std::string_view wanted) {
  while (true) {
    const std::size_t space = words.find(' ');
    if (words.substr(0, space) == wanted) return true;
    if (space == std::string_view::npos) return false;
    words.remove_prefix(space + 1);
  }
}

bool has_scope(const json::object& claims, std::string_view wanted) {
  for (const std::string_view name : {"scope", "scp"}) {
    const json::value* value = find(claims, name);
    if (value == nullptr) continue;
    if (value->is_string() && has_word(view(value->get_string()), wanted)) return true;
    if (!value->is_array()) continue;
    for (const json::value& each : value->get_array()) {
      if (each.is_string() && view(each.get_string()) == wanted) return true;
    }
  }
  return false;
}

std::string_view without_application(std::string_view type) {
  constexpr std::string_view prefix = "application/";
  return istarts_with(type, prefix) ? type.substr(prefix.size()) : type;
}

// The text of one of these, or of a list of them, joined by commas.
std::optional<std::string> claim_text(const json::value& value) {
  if (!value.is_array()) return scalar_text(value);
  std::string out;
  for (const json::value& each : value.get_array()) {
    const auto text = scalar_text(each);
    if (!text) return std::nullopt;
    if (!out.empty()) out += ',';
    out += *text;
  }
  return out;
}

void add_texts(const json::object& object, const std::string& prefix, std::size_t depth,
               VerifiedToken::Texts& out) {
  for (const auto& member : object) {
    std::string name = prefix;
    name.append(member.key().data(), member.key().size());
    if (auto text = claim_text(member.value())) {
      out.emplace_back(std::move(name), std::move(*text));
    } else if (member.value().is_object() && depth < deepest_claim) {
      add_texts(member.value().get_object(), name + '.', depth + 1, out);
    }
  }
}

bool is_field_value(std::string_view text) {
  return trim(text).size() == text.size() && std::ranges::none_of(text, [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return (byte < 0x20 && c != '\t') || byte == 0x7F;
         });
}

}  // namespace

std::optional<WallTime> numeric_date(const json::value& value) noexcept {
  double seconds = 0;
  if (value.is_int64()) {
    if (value.get_int64() > last_second || value.get_int64() < -last_second) return std::nullopt;
    return WallTime(std::chrono::seconds(value.get_int64()));
  }
  if (!value.is_double()) return std::nullopt;
  seconds = value.get_double();
  if (!std::isfinite(seconds) || std::abs(seconds) > static_cast<double>(last_second)) {
    return std::nullopt;
  }
  return WallTime(std::chrono::milliseconds(static_cast<std::int64_t>(std::floor(seconds * 1000))));
}

const json::value* find_claim(const json::object& claims, std::string_view name) noexcept {
  const json::object* in = &claims;
  for (std::size_t depth = 0; depth <= deepest_claim; ++depth) {
    if (const json::value* found = find(*in, name)) return found;
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) return nullptr;
    const json::value* outer = find(*in, name.substr(0, dot));
    if (outer == nullptr || !outer->is_object()) return nullptr;
    in = &outer->get_object();
    name.remove_prefix(dot + 1);
  }
  return nullptr;
}

Refused check_typ(std::string_view typ, std::string_view wanted) {
  const std::string_view type = without_application(typ);
  const bool fits = wanted.empty() ? type.empty() || iequals(type, "JWT") || iequals(type, "at+jwt")
                                   : iequals(type, without_application(wanted));
  if (fits) return std::nullopt;
  return invalid("its typ is not accepted here");
}

Refused check_times(const json::object& claims, WallTime now, Duration skew) {
  const auto leeway = std::chrono::ceil<std::chrono::milliseconds>(skew);
  if (const json::value* exp = find(claims, "exp")) {
    const auto ends = numeric_date(*exp);
    if (!ends) return invalid("its exp is malformed");
    if (now >= *ends + leeway) return Refusal{Reason::token_expired, "it has expired"};
  }
  if (const json::value* nbf = find(claims, "nbf")) {
    const auto begins = numeric_date(*nbf);
    if (!begins) return invalid("its nbf is malformed");
    if (now + leeway < *begins) return invalid("it is not valid yet");
  }
  if (const json::value* iat = find(claims, "iat")) {
    const auto issued = numeric_date(*iat);
    if (!issued) return invalid("its iat is malformed");
    if (now + leeway < *issued) return invalid("it was issued in the future");
  }
  return std::nullopt;
}

Refused check_lifetime(const json::object& claims, WallTime now, Duration skew, bool require_exp,
                       Duration longest) {
  const bool bounded = longest != Duration::zero();
  if (!require_exp && !bounded) return std::nullopt;
  const json::value* const exp = find(claims, "exp");
  if (exp == nullptr) return invalid("it has no exp");
  if (!bounded) return std::nullopt;
  const auto most = std::chrono::ceil<std::chrono::milliseconds>(longest);
  const json::value* const iat = find(claims, "iat");
  const WallTime from = iat != nullptr ? numeric_date(*iat).value_or(now)
                                       : now + std::chrono::ceil<std::chrono::milliseconds>(skew);
  if (numeric_date(*exp).value_or(WallTime::max()) - from > most) {
    return invalid("its lifetime is longer than max_lifetime");
  }
  return std::nullopt;
}

Refused check_audience(const json::object& claims, std::span<const std::string> audiences) {
  if (audiences.empty()) return std::nullopt;
  const auto ours = [&](const json::value& value) {
    return value.is_string() &&
           std::ranges::find(audiences, view(value.get_string())) != audiences.end();
  };
  const json::value* aud = find(claims, "aud");
  if (aud != nullptr) {
    if (ours(*aud)) return std::nullopt;
    if (aud->is_array() && std::ranges::any_of(aud->get_array(), ours)) return std::nullopt;
  }
  return invalid("its aud has none of the expected audiences");
}

Refused check_rules(const json::object& claims, std::span<const config::ClaimRule> rules) {
  for (const config::ClaimRule& rule : rules) {
    if (rule.claim == "scope") {
      for (const std::string& scope : rule.values) {
        if (!has_scope(claims, scope)) {
          return Refusal{Reason::insufficient_scope, "it lacks the scope " + scope};
        }
      }
      continue;
    }
    const json::value* claim = find_claim(claims, rule.claim);
    const auto fits = [&](const json::value& value) { return is_one_of(value, rule.values); };
    if (claim != nullptr &&
        (fits(*claim) || (claim->is_array() && std::ranges::any_of(claim->get_array(), fits)))) {
      continue;
    }
    return Refusal{Reason::claim_mismatch,
                   "its claim " + rule.claim + " does not have a required value"};
  }
  return std::nullopt;
}

WallTime expiry(const json::object& claims) noexcept {
  const json::value* exp = find(claims, "exp");
  const auto ends = exp == nullptr ? std::nullopt : numeric_date(*exp);
  return ends ? *ends : WallTime::max();
}

VerifiedToken::Texts claim_texts(const json::object& claims) {
  VerifiedToken::Texts out;
  out.reserve(claims.size());
  add_texts(claims, "", 1, out);
  return out;
}

std::optional<VerifiedToken::Texts> claim_fields(
    const json::object& claims, std::span<const std::pair<std::string, std::string>> wanted) {
  VerifiedToken::Texts out;
  for (const auto& [name, field] : wanted) {
    const json::value* claim = find_claim(claims, name);
    if (claim == nullptr) continue;
    auto text = claim_text(*claim);
    if (!text) continue;
    if (!is_field_value(*text)) return std::nullopt;
    out.emplace_back(field, std::move(*text));
  }
  return out;
}

}  // namespace weir::auth
