#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "config/blocks.hpp"
#include "config/scalars.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

constexpr std::string_view digest_mark = "sha256:";

bool is_visible(char c) noexcept { return c > 0x20 && c < 0x7F; }

// Fills the key or its digest; says what is wrong.
std::string_view read_known_key(std::string_view text, KnownKey& out) {
  if (text.starts_with(digest_mark)) {
    out.sha256 = to_lower(text.substr(digest_mark.size()));
    const bool hex = std::ranges::all_of(out.sha256, [](char c) { return hex_value(c) >= 0; });
    return hex && out.sha256.size() == 64 ? "" : "sha256: must be followed by 64 hex digits";
  }
  out.key = text;
  if (text.empty()) return "expected NAME:KEY, NAME:sha256:HEX or KEY";
  return std::ranges::all_of(text, is_visible) ? ""
                                               : "a key must not have spaces or unprintable bytes";
}

}  // namespace

std::expected<std::vector<KnownKey>, std::vector<std::string>> parse_api_keys(
    std::string_view text) {
  std::vector<KnownKey> keys;
  std::vector<std::string> faults;
  std::unordered_set<std::string> seen;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const char* const begin = line.data();
    line = trim(line);
    if (line.empty() || line.starts_with('#')) continue;
    const auto fault = [&](std::string_view what, std::string_view at) {
      faults.push_back(fmt::format("line {}, column {}: {}", number, at.data() - begin + 1, what));
    };
    KnownKey key;
    const std::size_t colon = line.find(':');
    const bool named = colon != std::string_view::npos && !line.starts_with(digest_mark);
    if (named) key.name = trim(line.substr(0, colon));
    const std::string_view written = named ? trim(line.substr(colon + 1)) : line;
    const std::string_view what = read_known_key(written, key);
    if (named && (key.name.empty() || !std::ranges::all_of(key.name, [](char c) {
                    return c == ' ' || is_visible(c);
                  }))) {
      fault("a name is printable ASCII and not empty", line);
    } else if (!what.empty()) {
      fault(what, written);
    } else if (!seen.insert(key.key + '\n' + key.sha256).second) {
      fault("the key is given twice", written);
    } else {
      keys.push_back(std::move(key));
    }
  }
  if (keys.empty() && faults.empty()) faults.emplace_back("there is no key in it");
  if (!faults.empty()) return std::unexpected(std::move(faults));
  return keys;
}

}  // namespace weir::config
