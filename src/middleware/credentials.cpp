#include "weir/middleware/credentials.hpp"

#include <algorithm>
#include <optional>

#include "middleware/key_table.hpp"
#include "middleware/password.hpp"
#include "weir/base/text.hpp"

namespace weir {
namespace {

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

OfferedPassword refused(Reason reason, std::string_view detail) {
  return {.refusal = reason, .detail = detail, .user = {}, .password = {}};
}

}  // namespace

OfferedKey offered_key(const HeaderMap& headers, std::string_view name) noexcept {
  std::size_t lines = 0;
  std::string_view sent;
  for (const HeaderMap::Field& field : headers) {
    if (!iequals(field.name, name)) continue;
    ++lines;
    sent = trim(field.value);
  }
  constexpr std::string_view scheme = "bearer ";
  if (lines == 1 && name == "authorization") {
    sent = istarts_with(sent, scheme) ? trim(sent.substr(scheme.size())) : std::string_view();
  }
  if (lines == 0 || (lines == 1 && sent.empty())) {
    return {.refusal = Reason::credentials_missing, .detail = "the key is missing", .key = {}};
  }
  if (lines > 1) {
    return {
        .refusal = Reason::credentials_invalid, .detail = "more than one key was sent", .key = {}};
  }
  return {.key = sent};
}

bool is_known_key(const config::ApiKey& spec, std::string_view key) {
  return KeyTable(spec.keys).find(key).has_value();
}

OfferedPassword offered_password(const HeaderMap& headers) {
  constexpr std::string_view scheme = "basic ";
  const std::size_t lines = headers.count(FieldId::authorization);
  const std::string_view sent = headers.get(FieldId::authorization).value_or("");
  if (lines == 0 || (lines == 1 && !istarts_with(sent, scheme))) {
    return refused(Reason::credentials_missing, "authorization: Basic credentials are missing");
  }
  const auto malformed = [] {
    return refused(Reason::credentials_invalid,
                   "authorization: the Basic credentials are malformed");
  };
  if (lines > 1) return malformed();
  const auto text = base64_decode(trim(sent.substr(scheme.size())));
  if (!text) return malformed();
  const std::size_t colon = text->find(':');
  if (colon == std::string::npos || std::ranges::any_of(*text, is_control)) return malformed();
  if (text->size() - colon - 1 > longest_password) return malformed();
  return {.user = text->substr(0, colon), .password = text->substr(colon + 1)};
}

}  // namespace weir
