#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "weir/base/text.hpp"
#include "weir/base/utf8.hpp"
#include "weir/config/problem.hpp"

namespace weir::config {
namespace {

constexpr std::size_t most_before =
    60;  // characters that are shown before the place of a long line
constexpr std::size_t most_shown = 100;
constexpr std::size_t most_around = 2048;  // bytes of a line that are looked at on either side
constexpr std::size_t tab_width = 4;
constexpr std::string_view cut = "...";

// Line `number` of `text`, from 0, without its break; nothing if there is none.
std::optional<std::string_view> line_of(std::string_view text, int number) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  for (; number > 0; --number) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    text.remove_prefix(end + 1);
  }
  const std::string_view line = text.substr(0, text.find('\n'));
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

// The bytes of one character, or of one that is none.
std::size_t character_size(std::string_view text) noexcept {
  return std::max<std::size_t>(utf8_sequence(text), 1);
}

// The byte at which character `number` begins, or the end.
std::size_t byte_of(std::string_view line, std::size_t number) noexcept {
  std::size_t at = 0;
  for (; number > 0 && at < line.size(); --number) at += character_size(line.substr(at));
  return at;
}

bool is_secret_key(std::string_view key) {
  constexpr std::array<std::string_view, 5> parts{"secret", "password", "authorization", "api-key",
                                                  "token"};
  if (key.ends_with("_file") || key.ends_with("_url")) return false;
  const std::string lower = to_lower(key);
  return std::ranges::any_of(parts, [&](std::string_view part) { return lower.contains(part); });
}

// Stars for the values of keys that hold secrets: what is printed ends up in logs of pipelines.
std::string without_secrets(std::string_view line) {
  constexpr std::string_view blanks = " \t";
  std::string out(line);
  for (std::size_t colon = line.find(':'); colon != std::string_view::npos;
       colon = line.find(':', colon + 1)) {
    const std::size_t begin = line.find_last_of(" \t{,[", colon) + 1;  // 0 without one
    std::string_view key = line.substr(begin, colon - begin);
    while (!key.empty() && (key.front() == '"' || key.front() == '\'')) key.remove_prefix(1);
    while (!key.empty() && (key.back() == '"' || key.back() == '\'')) key.remove_suffix(1);
    if (!is_secret_key(key)) continue;
    const std::size_t value = line.find_first_not_of(blanks, colon + 1);
    if (value == std::string_view::npos || value == colon + 1) continue;
    if (line[value] == '{' || line[value] == '[') continue;
    const char quote = line[value] == '"' || line[value] == '\'' ? line[value] : '\0';
    std::size_t end = quote == '\0' ? line.find_first_of(",}", value) : line.find(quote, value + 1);
    end = std::min(end, line.size());
    for (std::size_t i = value + (quote == '\0' ? 0 : 1); i < end; ++i) out[i] = '*';
  }
  return out;
}

// How many columns of a terminal `text` takes, as fmt counts them when it fills a field: two for
// wide characters of East Asia and emoji.
std::size_t width_of(std::string_view text) {
  const std::size_t field = text.size() * 2 + 1;
  return field - (fmt::format("{:<{}}", text, field).size() - text.size());
}

void append_printable(std::string& out, std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view one = text.substr(at, character_size(text.substr(at)));
    at += one.size();
    const auto first = static_cast<unsigned char>(one.front());
    const bool is_control = first < 0x20 || first == 0x7F || utf8_sequence(one) == 0 ||
                            (first == 0xC2 && static_cast<unsigned char>(one[1]) < 0xA0);
    if (one == "\t") {
      out.append(tab_width, ' ');
    } else if (is_control) {
      out += '?';
    } else {
      out += one;
    }
  }
}

}  // namespace

std::optional<Excerpt> excerpt(const SourceTexts& texts, const Place& place) {
  const auto text = texts.find(place.file);
  if (text == texts.end() || place.line < 0 || place.column < 0) return std::nullopt;
  const auto whole = line_of(text->second, place.line);
  if (!whole || trim(*whole).empty()) return std::nullopt;
  const auto column = static_cast<std::size_t>(place.column);
  const std::size_t place_at = byte_of(*whole, column);
  const std::size_t begin = byte_of(*whole, column - std::min(column, most_around));
  const std::string line = without_secrets(whole->substr(begin, place_at - begin + most_around));
  const std::size_t at = place_at - begin;
  const std::size_t shown = std::min(column, most_before);  // characters before the place
  const std::size_t first = byte_of(line, std::min(column, most_around) - shown);
  const std::size_t last = at + byte_of(std::string_view(line).substr(at), most_shown - shown);
  Excerpt out;
  if (column > most_before) out.line = cut;
  append_printable(out.line, std::string_view(line).substr(first, at - first));
  out.caret = width_of(out.line);
  append_printable(out.line, std::string_view(line).substr(at, last - at));
  if (begin + last < whole->size()) out.line += cut;
  out.line.erase(out.line.find_last_not_of(' ') + 1);
  return out;
}

}  // namespace weir::config
