#include "codec/h2/field_rules.hpp"

#include <algorithm>
#include <utility>

#include "codec/h1/field_lines.hpp"
#include "codec/h1/scan.hpp"
#include "codec/h1/trailer_rules.hpp"
#include "codec/h2/field_block.hpp"
#include "weir/base/text.hpp"

namespace weir::codec::h2 {

[[gnu::cold]] std::unexpected<HeadFault> malformed(std::string detail) {
  return std::unexpected<HeadFault>(HeadFault{true, Reason::bad_request, std::move(detail)});
}

[[gnu::cold]] std::unexpected<HeadFault> refused(Reason reason, std::string detail) {
  return std::unexpected<HeadFault>(HeadFault{false, reason, std::move(detail)});
}

bool is_clean_value(std::string_view value) noexcept {
  if (value.empty()) return true;
  const auto is_white = [](char c) { return c == ' ' || c == '\t'; };
  const char* const end = value.data() + value.size();
  return h1::skip_value(value.data(), end) == end && !is_white(value.front()) &&
         !is_white(value.back());
}

std::expected<void, HeadFault> check_field(FieldId id, std::string_view name,
                                           std::string_view value) {
  const bool upper = std::ranges::any_of(name, [](char c) { return c >= 'A' && c <= 'Z'; });
  if (upper || !is_token(name)) return malformed("field name " + h1::quoted(name));
  if (!is_clean_value(value)) return malformed("the value of field " + h1::quoted(name));
  if (id == FieldId::other) return {};
  // Harmless when nobody looks at it, and browsers' upgrades from HTTP/1 have been seen to send it.
  if (is_connection_specific(id) && id != FieldId::http2_settings) {
    return malformed("connection-specific field " + h1::quoted(name));
  }
  if (id == FieldId::te && !iequals(value, "trailers")) return malformed("TE other than trailers");
  return {};
}

std::expected<bool, HeadFault> check_underscore(config::Underscores policy, FieldId id,
                                                std::string_view name) {
  if (policy == config::Underscores::keep || id != FieldId::other || !name.contains('_')) {
    return true;
  }
  if (policy == config::Underscores::drop) return false;
  return refused(Reason::bad_request, h1::underscore_detail(name));
}

int parse_status(std::string_view value) noexcept {
  if (value.size() != 3 || !std::ranges::all_of(value, is_digit)) return 0;
  return (value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0');
}

std::expected<void, HeadFault> TrailerFields::field(std::string_view name, std::string_view value) {
  if (is_pseudo(name)) return malformed("a pseudo-header after the content");
  const FieldId id = field_id(name);
  if (auto checked = check_field(id, name, value); !checked) return checked;
  bytes_ += counted_size(name, value);
  if (bytes_ > most_bytes_ || ++fields_ > most_fields_) {
    return refused(Reason::headers_too_large, "too many trailers");
  }
  const auto taken = check_underscore(underscores_, id, name);
  if (!taken) {
    return refused(taken.error().reason, "trailers: " + taken.error().detail);
  }
  if (*taken && h1::may_be_trailer({name, value, id})) out_.add(id, name, value);
  return {};
}

}  // namespace weir::codec::h2
