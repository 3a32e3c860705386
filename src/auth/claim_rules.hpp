// What a token's claims must say (RFC 7519 section 4.1, RFC 8725). Pure; `now` is an argument.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/auth/json_object.hpp"
#include "weir/auth/moment.hpp"
#include "weir/auth/verified_token.hpp"
#include "weir/base/reason.hpp"
#include "weir/base/time.hpp"
#include "weir/config/jwt.hpp"

namespace weir::auth {

struct Refusal {
  Reason reason;
  std::string detail;
};
using Refused = std::optional<Refusal>;  // nothing: the rule holds

// A NumericDate: an integer or a decimal, no later than the year 9999. Nothing for anything else.
std::optional<WallTime> numeric_date(const json::value& value) noexcept;

// The member of that name or, if there is none and the name has dots, the one that they lead to.
const json::value* find_claim(const json::object& claims, std::string_view name) noexcept;

// `typ` of the header: as configured or, where nothing is, none, JWT or at+jwt (RFC 9068). A media
// type's "application/" may be left out, case does not count.
Refused check_typ(std::string_view typ, std::string_view wanted);
// exp, nbf and iat, where they are there; exp ends a token at its very second.
Refused check_times(const json::object& claims, WallTime now, Duration skew);
// That a token ends: there is an exp, where it is required, and it is at most `longest` (zero: any)
// after iat, or without iat after now and the skew. REQUIRES: check_times() passed.
Refused check_lifetime(const json::object& claims, WallTime now, Duration skew, bool require_exp,
                       Duration longest);
Refused check_audience(const json::object& claims, std::span<const std::string> audiences);
// `scope` (a text of words, or a list) and `scp` hold all that is wanted: insufficient_scope.
// Another claim is equal to one of the texts, or a list with one of them: claim_mismatch.
Refused check_rules(const json::object& claims, std::span<const config::ClaimRule> rules);

// `exp`, WallTime::max() for none. REQUIRES: check_times() passed.
WallTime expiry(const json::object& claims) noexcept;
// The claims that have a text: strings, numbers, booleans; members of objects under "outer.inner".
VerifiedToken::Texts claim_texts(const json::object& claims);
// The fields that `wanted` (claim, field name) makes of the claims: lists of texts joined by
// commas. A claim that is not there, null or an object makes none. Nothing at all when a text
// cannot be a field's value as it is: controls in it or white space at an end.
std::optional<VerifiedToken::Texts> claim_fields(
    const json::object& claims, std::span<const std::pair<std::string, std::string>> wanted);

}  // namespace weir::auth
