#include "weir/http/header_map.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "weir/base/text.hpp"

namespace weir {
namespace {

// In the order of FieldId.
constexpr std::array<std::string_view, static_cast<std::size_t>(FieldId::x_rewrite_url) + 1> names{
    "",
    "accept",
    "access-control-request-headers",
    "access-control-request-method",
    "allow",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "location",
    "origin",
    "proxy",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "proxy-status",
    "referer",
    "retry-after",
    "sec-websocket-accept",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "server",
    "set-cookie",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "true-client-ip",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
    "x-client-ip",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-original-url",
    "x-real-ip",
    "x-request-id",
    "x-rewrite-url",
};
static_assert(names[static_cast<std::size_t>(FieldId::te)] == "te");
static_assert(names.back() == "x-rewrite-url");

// Length, first and last letter spread the known names over the table; collisions probe on.
constexpr std::size_t slots = 256;
constexpr std::size_t hash(std::string_view name) noexcept {
  const auto first = static_cast<unsigned char>(to_lower(name.front()));
  const auto middle = static_cast<unsigned char>(to_lower(name[name.size() / 2]));
  const auto last = static_cast<unsigned char>(to_lower(name.back()));
  return (name.size() * 7 + first * 31u + middle * 5u + last * 11u) % slots;
}

template <class Word>
std::uint64_t load(const char* from) noexcept {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// The same for each of eight bytes: 'A' to 'Z' get the bit that makes them small.
std::uint64_t lower8(std::uint64_t word) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101;
  const std::uint64_t low = word & (ones * 0x7F);
  const std::uint64_t from_a = low + ones * (0x80 - 'A');
  const std::uint64_t past_z = low + ones * (0x7F - 'Z');
  const std::uint64_t upper = (from_a ^ past_z) & ~word & (ones * 0x80);
  return word | upper >> 2;
}

// The words overlap at the end. REQUIRES: equal sizes, at least that of Word; `known` in lower
// case.
template <class Word>
bool equal_words(const char* known, const char* name, std::size_t size) noexcept {
  const std::size_t last = size - sizeof(Word);
  for (std::size_t i = 0; i < last; i += sizeof(Word)) {
    if (lower8(load<Word>(name + i)) != load<Word>(known + i)) return false;
  }
  return lower8(load<Word>(name + last)) == load<Word>(known + last);
}

// Whether `name`, of any bytes, is `known` in some case.
bool is_name(std::string_view known, std::string_view name) noexcept {
  if (known.size() != name.size()) return false;
  if (name.size() >= 8) return equal_words<std::uint64_t>(known.data(), name.data(), name.size());
  if (name.size() >= 4) return equal_words<std::uint32_t>(known.data(), name.data(), name.size());
  return iequals(known, name);
}

constexpr std::array<std::uint8_t, slots> make_table() {
  std::array<std::uint8_t, slots> table{};
  for (std::size_t i = 1; i < names.size(); ++i) {
    std::size_t slot = hash(names[i]);
    while (table[slot] != 0) slot = (slot + 1) % slots;
    table[slot] = static_cast<std::uint8_t>(i);
  }
  return table;
}
constexpr std::array<std::uint8_t, slots> table = make_table();

}  // namespace

FieldId field_id(std::string_view name) noexcept {
  if (name.empty()) return FieldId::other;
  for (std::size_t slot = hash(name); table[slot] != 0; slot = (slot + 1) % slots) {
    if (is_name(names[table[slot]], name)) return static_cast<FieldId>(table[slot]);
  }
  return FieldId::other;
}

std::string_view field_name(FieldId id) noexcept { return names[static_cast<std::size_t>(id)]; }

bool is_hop_by_hop(FieldId id) noexcept {
  switch (id) {
    case FieldId::connection:
    case FieldId::keep_alive:
    case FieldId::proxy_connection:
    case FieldId::te:
    case FieldId::trailer:
    case FieldId::transfer_encoding:
    case FieldId::upgrade:
    case FieldId::http2_settings:
    case FieldId::proxy_authenticate:
    case FieldId::proxy_authorization:
      return true;
    default:
      return false;
  }
}

bool is_framing_or_hop_by_hop(std::string_view name) noexcept {
  const FieldId id = field_id(name);
  return is_hop_by_hop(id) || id == FieldId::content_length || id == FieldId::host;
}

void HeaderMap::add(std::string_view name, std::string_view value) {
  add(field_id(name), name, value);
}

void HeaderMap::add(FieldId id, std::string_view name, std::string_view value) {
  arena_.reserve(name.size() + value.size());
  const std::string_view own_name = arena_.copy(name);
  add_view(id, own_name, arena_.copy(value));
}

void HeaderMap::set(std::string_view name, std::string_view value) {
  const FieldId id = field_id(name);
  const auto same = [&](const Field& field) {
    return field.id == id && (id != FieldId::other || iequals(field.name, name));
  };
  const auto first = std::ranges::find_if(fields_, same);
  if (first == fields_.end()) {
    add(id, name, value);
    return;
  }
  first->name = arena_.copy(name);
  first->value = arena_.copy(value);
  fields_.erase(std::remove_if(first + 1, fields_.end(), same), fields_.end());
}

std::size_t HeaderMap::remove(FieldId id) {
  if (!may_have(id)) return 0;
  if (id != FieldId::other) seen_ &= ~bit(id);
  return std::erase_if(fields_, [&](const Field& field) { return field.id == id; });
}

std::size_t HeaderMap::remove(std::string_view name) {
  if (const FieldId id = field_id(name); id != FieldId::other) return remove(id);
  return std::erase_if(fields_, [&](const Field& field) {
    return field.id == FieldId::other && iequals(field.name, name);
  });
}

std::optional<std::string_view> HeaderMap::get(FieldId id) const noexcept {
  if (!may_have(id)) return std::nullopt;
  for (const Field& field : fields_) {
    if (field.id == id) return field.value;
  }
  return std::nullopt;
}

std::optional<std::string_view> HeaderMap::get(std::string_view name) const noexcept {
  if (const FieldId id = field_id(name); id != FieldId::other) return get(id);
  for (const Field& field : fields_) {
    if (field.id == FieldId::other && iequals(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::size_t HeaderMap::count(FieldId id) const noexcept {
  if (!may_have(id)) return 0;
  return static_cast<std::size_t>(
      std::ranges::count_if(fields_, [&](const Field& field) { return field.id == id; }));
}

}  // namespace weir
