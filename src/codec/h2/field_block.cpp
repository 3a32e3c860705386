#include "codec/h2/field_block.hpp"

#include <charconv>

namespace weir::codec::h2 {
namespace {

std::uint8_t* bytes(std::string_view text) noexcept {
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

// Not for the table that the whole connection shares: too dear to be guessed bit by bit (RFC 7541
// section 7.1.3), or never the same twice, so that its entries would push out useful ones.
constexpr FieldSet not_indexed =
    field_set({FieldId::authorization, FieldId::proxy_authorization, FieldId::set_cookie,
               FieldId::x_request_id, FieldId::x_request_timeout, FieldId::traceparent});

}  // namespace

bool is_connection_specific(FieldId id) noexcept {
  switch (id) {
    case FieldId::connection:
    case FieldId::keep_alive:
    case FieldId::proxy_connection:
    case FieldId::transfer_encoding:
    case FieldId::upgrade:
    case FieldId::http2_settings:
      return true;
    default:
      return false;
  }
}

void FieldBlock::add(std::string_view name, std::string_view value) {
  fields_.push_back(
      {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NO_COPY_NAME});
}

void FieldBlock::add(std::string_view name, std::uint64_t number) {
  auto& digits = digits_[numbers_++];
  const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  add(name, std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

void FieldBlock::add(const HeaderMap& headers, FieldId without) {
  for (const HeaderMap::Field& field : headers) {
    if (is_connection_specific(field.id) || field.id == FieldId::host ||
        field.id == FieldId::content_length || (field.id == without && without != FieldId::other)) {
      continue;
    }
    const bool known = field.id != FieldId::other;
    add(known ? field_name(field.id) : field.name, field.value);
    if (!known) fields_.back().flags = NGHTTP2_NV_FLAG_NONE;
    if (holds(not_indexed, field.id)) fields_.back().flags |= NGHTTP2_NV_FLAG_NO_INDEX;
  }
}

}  // namespace weir::codec::h2
