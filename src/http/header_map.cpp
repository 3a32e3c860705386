#include "weir/http/header_map.hpp"

#include <algorithm>
#include <array>
#include <bit>
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
    "x-request-timeout",
    "x-rewrite-url",
};
static_assert(names[static_cast<std::size_t>(FieldId::te)] == "te");
static_assert(names.back() == "x-rewrite-url");

// The bit that makes a capital letter a small one. Of two characters of a token only letters of
// two cases become equal by it, and it changes none of a known name's.
constexpr unsigned char case_bit = 0x20;

// Length, first, middle and last letter spread the known names over the table; collisions probe on.
constexpr std::size_t slots = 256;
constexpr std::size_t hash(std::string_view name) noexcept {
  const auto small = [](char c) { return static_cast<unsigned char>(c) | unsigned{case_bit}; };
  return (name.size() * 7 + small(name.front()) * 31 + small(name[name.size() / 2]) * 5 +
          small(name.back()) * 11) %
         slots;
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

// The same where both are tokens.
bool is_token_name(std::string_view known, std::string_view name) noexcept {
  if (known.size() != name.size()) return false;
  const std::size_t size = name.size();
  const auto same = [&]<class Word>(std::size_t at, Word) {
    constexpr std::uint64_t small = Word(~Word{0}) / 255 * case_bit;
    return (load<Word>(name.data() + at) | small) == load<Word>(known.data() + at);
  };
  if (size >= 8) {
    const std::size_t last = size - 8;
    for (std::size_t i = 0; i < last; i += 8) {
      if (!same(i, std::uint64_t{})) return false;
    }
    return same(last, std::uint64_t{});
  }
  if (size >= 4) return same(0, std::uint32_t{}) && same(size - 4, std::uint32_t{});
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

// A name of at most sixteen letters as two words, with those bits that count.
struct WideName {
  std::array<std::uint64_t, 2> words{};
  std::array<std::uint64_t, 2> mask{};
  std::size_t size = 0;
};
constexpr std::size_t widest = 16;
constexpr std::array<WideName, names.size()> wide_names = [] {
  std::array<WideName, names.size()> all{};
  for (std::size_t i = 0; i < names.size(); ++i) {
    all[i].size = names[i].size();
    if (names[i].size() > widest) continue;
    for (std::size_t at = 0; at < names[i].size(); ++at) {
      const unsigned shift = 8 * (std::endian::native == std::endian::little ? at % 8 : 7 - at % 8);
      all[i].words[at / 8] |= std::uint64_t{static_cast<unsigned char>(names[i][at])} << shift;
      all[i].mask[at / 8] |= std::uint64_t{0xFF} << shift;
    }
  }
  return all;
}();

}  // namespace

FieldId field_id(std::string_view name) noexcept {
  if (name.empty()) return FieldId::other;
  for (std::size_t slot = hash(name); table[slot] != 0; slot = (slot + 1) % slots) {
    if (is_name(names[table[slot]], name)) return static_cast<FieldId>(table[slot]);
  }
  return FieldId::other;
}

FieldId field_id_of_token(std::string_view name) noexcept {
  for (std::size_t slot = hash(name); table[slot] != 0; slot = (slot + 1) % slots) {
    if (is_token_name(names[table[slot]], name)) return static_cast<FieldId>(table[slot]);
  }
  return FieldId::other;
}

FieldId field_id_of_wide_token(std::string_view name) noexcept {
  constexpr std::uint64_t small = ~std::uint64_t{0} / 255 * case_bit;
  if (name.size() > widest) return field_id_of_token(name);
  const std::uint64_t low = load<std::uint64_t>(name.data()) | small;
  const std::uint64_t high = load<std::uint64_t>(name.data() + 8) | small;
  for (std::size_t slot = hash(name); table[slot] != 0; slot = (slot + 1) % slots) {
    const WideName& known = wide_names[table[slot]];
    if (known.size == name.size() && (((low ^ known.words[0]) & known.mask[0]) |
                                      ((high ^ known.words[1]) & known.mask[1])) == 0) {
      return static_cast<FieldId>(table[slot]);
    }
  }
  return FieldId::other;
}

std::string_view field_name(FieldId id) noexcept { return names[static_cast<std::size_t>(id)]; }

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

void HeaderMap::own_texts() {
  for (Field& field : fields_) {
    field = {arena_.copy(field.name), arena_.copy(field.value), field.id};
  }
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
  *first = {arena_.copy(name), arena_.copy(value), id};
  fields_.erase(std::remove_if(first + 1, fields_.end(), same), fields_.end());
}

std::size_t HeaderMap::remove(FieldId id) {
  if (!may_have(field_set(id))) return 0;
  if (id != FieldId::other) seen_ &= ~field_set(id);
  return std::erase_if(fields_, [&](const Field& field) { return field.id == id; });
}

std::size_t HeaderMap::remove(std::string_view name) {
  if (const FieldId id = field_id(name); id != FieldId::other) return remove(id);
  return std::erase_if(fields_, [&](const Field& field) {
    return field.id == FieldId::other && iequals(field.name, name);
  });
}

std::optional<std::string_view> HeaderMap::find(FieldId id) const noexcept {
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
  if (!may_have(field_set(id))) return 0;
  return static_cast<std::size_t>(
      std::ranges::count_if(fields_, [&](const Field& field) { return field.id == id; }));
}

}  // namespace weir
