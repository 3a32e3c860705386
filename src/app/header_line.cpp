#include "app/header_line.hpp"

#include <algorithm>

#include "weir/base/text.hpp"

namespace weir::app {

std::optional<std::pair<std::string, std::string>> parse_header_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return std::nullopt;
  const std::string_view value = trim(line.substr(colon + 1));
  const bool clean = std::ranges::none_of(value, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
  if (!clean) return std::nullopt;
  return std::pair(std::string(line.substr(0, colon)), std::string(value));
}

}  // namespace weir::app
