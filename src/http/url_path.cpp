#include "weir/http/url_path.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "weir/base/copy_text.hpp"
#include "weir/base/text.hpp"

namespace weir {
namespace {

// What a raw byte does to "is this path normal already?".
enum : std::uint8_t {
  slash = 1,          // a segment starts behind it
  after_slash = 2,    // not normal as the first byte of a segment: "//", "/."
  always = 4,         // '%' and what is refused
  after_slash_2 = 8,  // as after_slash, when empty segments are kept
  semicolon = 16,     // normal, and worth knowing
};

constexpr bool is_refused(unsigned c) { return c <= 0x20 || c >= 0x7F || c == '\\' || c == '#'; }

constexpr std::array<std::uint8_t, 256> make_traits() {
  std::array<std::uint8_t, 256> traits{};
  for (unsigned c = 0; c < 256; ++c) {
    if (is_refused(c)) traits[c] = always;
  }
  traits['%'] = always;
  traits[';'] = semicolon;
  traits['/'] = slash | after_slash;
  traits['.'] = after_slash | after_slash_2;
  return traits;
}
constexpr std::array<std::uint8_t, 256> traits = make_traits();

constexpr std::array<bool, 256> make_unreserved() {
  std::array<bool, 256> table{};
  for (unsigned c = 0; c < 128; ++c) {
    const char letter = static_cast<char>(c);
    table[c] = is_alpha(letter) || is_digit(letter) || letter == '-' || letter == '.' ||
               letter == '_' || letter == '~';
  }
  return table;
}
constexpr std::array<bool, 256> unreserved = make_unreserved();

// What keeps the path from being normal; of one that is, whether it has a semicolon.
unsigned look_at(std::string_view path, bool keep_empty) noexcept {
  // Without a branch per byte: the table's bits are masked by what the byte before was.
  const unsigned start_mask = keep_empty ? after_slash_2 : after_slash;
  unsigned seen = 0;
  unsigned mask = always | semicolon;
  for (const char c : path) {
    const unsigned trait = traits[static_cast<unsigned char>(c)];
    seen |= trait & mask;
    mask = always | semicolon | ((0U - (trait & slash)) & start_mask);
  }
  return seen;
}

// The byte that a percent escape at the start of `text` stands for, or -1.
int escaped_byte(std::string_view text) noexcept {
  if (text.size() < 3) return -1;
  const int high = hex_value(text[1]);
  const int low = hex_value(text[2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

constexpr char upper_hex(char c) noexcept {
  return c >= 'a' && c <= 'f' ? static_cast<char>(c - ('a' - 'A')) : c;
}

std::string_view refusal(char c) noexcept {
  switch (c) {
    case '\\':
      return "backslash in the path";
    case '#':
      return "'#' in the path";
    case ' ':
      return "space in the path";
    default:
      break;
  }
  return static_cast<unsigned char>(c) > 0x7E ? "byte above 7E in the path"
                                              : "control character in the path";
}

// Decodes what may be decoded from `path` to `out`; returns how much was written.
std::expected<std::size_t, std::string_view> decode_unreserved(std::string_view path,
                                                               char* out) noexcept {
  std::size_t size = 0;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c != '%') {
      if (is_refused(static_cast<unsigned char>(c))) return std::unexpected(refusal(c));
      out[size++] = c;
      continue;
    }
    const int byte = escaped_byte(path.substr(i));
    if (byte < 0) return std::unexpected("bad percent escape in the path");
    if (byte == 0) return std::unexpected("%00 in the path");
    if (unreserved[static_cast<unsigned>(byte)]) {
      out[size++] = static_cast<char>(byte);
    } else {
      out[size++] = '%';
      out[size++] = upper_hex(path[i + 1]);
      out[size++] = upper_hex(path[i + 2]);
    }
    i += 2;
  }
  return size;
}

// "." or ".." with something behind it that servers drop as a path parameter, so that it would turn
// into a dot segment there.
bool hides_dots(std::string_view segment) noexcept {
  if (segment.starts_with("..")) {
    segment.remove_prefix(2);
  } else if (segment.starts_with('.')) {
    segment.remove_prefix(1);
  } else {
    return false;
  }
  return segment.starts_with(';') || segment.starts_with("%3B");
}

// Removes dot segments in place; returns the new size.
std::expected<std::size_t, std::string_view> remove_dots(char* path, std::size_t size) noexcept {
  std::size_t written = 0;
  std::size_t at = 0;
  while (at < size) {
    const void* next = std::memchr(path + at + 1, '/', size - at - 1);
    const std::size_t end =
        next == nullptr ? size : static_cast<std::size_t>(static_cast<const char*>(next) - path);
    const std::string_view segment(path + at + 1, end - at - 1);
    const bool last = end == size;
    if (hides_dots(segment)) return std::unexpected("segment '.;' or '..;' in the path");
    if (segment == "..") {
      if (written == 0) return std::unexpected("'..' above the root of the path");
      while (path[--written] != '/') {
      }
    } else if (segment != ".") {
      std::memmove(path + written, path + at, end - at);
      written += end - at;
      at = end;
      continue;
    }
    if (last) path[written++] = '/';
    at = end;
  }
  return written;
}

std::size_t merge_slashes(char* path, std::size_t size) noexcept {
  std::size_t written = 0;
  for (std::size_t i = 0; i < size; ++i) {
    if (path[i] == '/' && written > 0 && path[written - 1] == '/') continue;
    path[written++] = path[i];
  }
  return written;
}

}  // namespace

std::expected<NormalPath, std::string_view> normalise_path(std::string_view path, bool keep_empty,
                                                           Arena& arena) {
  if (!path.starts_with('/')) return std::unexpected("the path does not start with '/'");
  const unsigned seen = look_at(path, keep_empty);
  if ((seen & ~unsigned{semicolon}) == 0) {
    return NormalPath{.path = path, .parameters = seen != 0};
  }

  char* out = arena.allocate(path.size());
  auto size = decode_unreserved(path, out);
  if (size) size = remove_dots(out, *size);
  if (!size) return std::unexpected(size.error());
  if (!keep_empty) *size = merge_slashes(out, *size);

  NormalPath normal;
  normal.path = {out, *size};
  normal.encoded_slash = normal.path.find("%2F") != std::string_view::npos ||
                         normal.path.find("%5C") != std::string_view::npos;
  normal.parameters = normal.path.find(';') != std::string_view::npos ||
                      normal.path.find("%3B") != std::string_view::npos;
  if (normal.path == path) normal.path = path;
  return normal;
}

std::string_view without_parameters(std::string_view segment) noexcept {
  return segment.substr(0, std::min(segment.find(';'), segment.find("%3B")));
}

std::string_view decode_semicolons(std::string_view text, Arena& arena) {
  if (text.find("%3B") == std::string_view::npos) return text;
  char* const out = arena.allocate(text.size());
  std::size_t size = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool encoded = text.substr(i, 3) == "%3B";
    out[size++] = encoded ? ';' : text[i];
    if (encoded) i += 2;
  }
  return {out, size};
}

std::string_view decode_slashes(std::string_view path, Arena& arena) {
  char* const out = arena.allocate(path.size());
  std::size_t size = 0;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const std::string_view here = path.substr(i, 3);
    const bool encoded = here == "%2F" || here == "%5C";
    out[size++] = encoded ? '/' : path[i];
    if (encoded) i += 2;
  }
  return {out, size};
}

MatchedPath matched_path(std::string_view path, bool keep_empty, Arena& arena) {
  char* const bare = arena.allocate(path.size());
  char* const kept = arena.allocate(path.size());
  char* bare_end = bare;
  char* kept_end = kept;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/', 1), path.size());
    const std::string_view segment = path.substr(1, end - 1);
    const std::string_view name = without_parameters(segment);
    path.remove_prefix(end);
    if (!keep_empty && name.empty() && !segment.empty() && !path.empty()) continue;
    *bare_end++ = '/';
    *kept_end++ = '/';
    bare_end = copy_text(bare_end, name);
    kept_end = copy_text(kept_end, segment);
  }
  const auto view = [](const char* begin, const char* end) {
    return std::string_view(begin, static_cast<std::size_t>(end - begin));
  };
  return {.bare = view(bare, bare_end), .full = decode_semicolons(view(kept, kept_end), arena)};
}

std::size_t percent_decode(std::string_view text, char* out) noexcept {
  std::size_t size = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int byte = text[i] == '%' ? escaped_byte(text.substr(i)) : -1;
    if (byte < 0) {
      out[size++] = text[i];
    } else {
      out[size++] = static_cast<char>(byte);
      i += 2;
    }
  }
  return size;
}

std::string percent_decode(std::string_view text) {
  std::string out(text.size(), '\0');
  out.resize(percent_decode(text, out.data()));
  return out;
}

bool decodes_to(std::string_view text, std::string_view plain) noexcept {
  if (text.size() < plain.size()) return false;
  std::size_t at = 0;
  for (const char wanted : plain) {
    if (at == text.size()) return false;
    const int byte = text[at] == '%' ? escaped_byte(text.substr(at)) : -1;
    if ((byte < 0 ? text[at] : static_cast<char>(byte)) != wanted) return false;
    at += byte < 0 ? 1 : 3;
  }
  return at == text.size();
}

std::optional<std::string_view> query_value(std::string_view query,
                                            std::string_view name) noexcept {
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    const std::size_t equals = pair.find('=');
    // An empty pair ("a&&b") is no parameter with an empty name.
    if (!pair.empty() && decodes_to(pair.substr(0, equals), name)) {
      return equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    }
    if (end == std::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
  return std::nullopt;
}

}  // namespace weir
