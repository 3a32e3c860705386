#include "auth/token.hpp"

#include <boost/json/value.hpp>
#include <optional>
#include <utility>

#include "auth/base64url.hpp"
#include "weir/base/text.hpp"

namespace weir::auth {
namespace {

// The fault of the header, "" for none; fills what it says.
std::string_view read_header(const json::object& header, Token& out) {
  const auto algorithm = text_of(header, "alg");
  if (!algorithm) return "its header has no alg";
  const auto known = algorithm_from_name(*algorithm);
  if (!known) return "its alg is not supported";
  out.algorithm = *known;
  if (find(header, "crit") != nullptr) return "its header has crit, which is not supported";
  if (const json::value* b64 = find(header, "b64");
      b64 != nullptr && !(b64->is_bool() && b64->get_bool())) {
    return "its header has b64, which is not supported";
  }
  if (find(header, "cty") != nullptr) {
    const auto type = text_of(header, "cty");
    if (!type || iequals(*type, "JWT") || iequals(*type, "application/jwt")) {
      return "it contains another token, which is not supported";
    }
  }
  if (find(header, "kid") != nullptr) {
    const auto kid = text_of(header, "kid");
    if (!kid || kid->size() > most_kid_bytes) return "its kid is malformed";
    out.kid = *kid;
  }
  if (find(header, "typ") != nullptr) {
    const auto typ = text_of(header, "typ");
    if (!typ) return "its typ is malformed";
    out.typ = *typ;
  }
  return "";
}

}  // namespace

std::expected<Token, std::string_view> parse_token(std::string_view text) {
  if (text.size() > most_token_bytes) return std::unexpected("it is larger than 16 KiB");
  const std::size_t first = text.find('.');
  const std::size_t second = first == text.npos ? first : text.find('.', first + 1);
  if (second == text.npos || text.find('.', second + 1) != text.npos) {
    return std::unexpected("it does not have three parts separated by dots");
  }
  const auto header_text = base64url_decode(text.substr(0, first));
  const auto claims_text = base64url_decode(text.substr(first + 1, second - first - 1));
  auto signature = base64url_decode(text.substr(second + 1));
  if (!header_text || !claims_text || !signature) {
    return std::unexpected("a part of it is not base64url");
  }
  const auto header = parse_object(*header_text);
  if (!header) return std::unexpected("its header is not a JSON object with each name once");
  Token out;
  if (const std::string_view fault = read_header(*header, out); !fault.empty()) {
    return std::unexpected(fault);
  }
  if (signature->empty()) return std::unexpected("it is not signed");
  auto claims = parse_object(*claims_text);
  if (!claims) return std::unexpected("its claims are not a JSON object with each name once");
  out.claims = std::move(*claims);
  out.signed_text = text.substr(0, second);
  out.signature = std::move(*signature);
  return out;
}

}  // namespace weir::auth
