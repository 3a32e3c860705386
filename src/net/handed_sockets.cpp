#include "weir/net/handed_sockets.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace weir::net {
namespace {

constexpr std::array<std::string_view, 3> owner_names{"gateway", "manager", "admin"};
constexpr unsigned most_of_one = 65536;

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }
std::string not_dash(std::string_view text) { return text == "-" ? "" : std::string(text); }

// The first word of `text`, which goes on behind it.
std::string_view take_handed_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

std::optional<HandedAddress> parse_line(std::string_view line) {
  HandedAddress out;
  out.kind = std::string(take_handed_word(line));
  const auto owner = std::ranges::find(owner_names, take_handed_word(line));
  const std::string_view count = take_handed_word(line);
  const auto [at, error] = std::from_chars(count.data(), count.data() + count.size(), out.count);
  out.name = not_dash(take_handed_word(line));
  out.asked = not_dash(line);  // to the end: a path may have spaces
  if (out.kind.empty() || owner == owner_names.end() || line.empty()) return std::nullopt;
  if (error != std::errc{} || at != count.data() + count.size()) return std::nullopt;
  if (out.count == 0 || out.count > most_of_one) return std::nullopt;
  out.owner = static_cast<HandedFor>(owner - owner_names.begin());
  return out;
}

}  // namespace

std::string to_text(const std::vector<HandedAddress>& addresses) {
  std::string out;
  for (const HandedAddress& one : addresses) {
    out += one.kind + " " + std::string(owner_names[static_cast<std::size_t>(one.owner)]) + " " +
           std::to_string(one.count) + " " + or_dash(one.name) + " " + or_dash(one.asked) + "\n";
  }
  return out;
}

std::expected<std::vector<HandedAddress>, std::string> parse_handed(std::string_view text) {
  std::vector<HandedAddress> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    auto one = parse_line(line);
    if (!one) return std::unexpected("'" + std::string(line) + "' is not an address handed over");
    out.push_back(std::move(*one));
  }
  return out;
}

}  // namespace weir::net
