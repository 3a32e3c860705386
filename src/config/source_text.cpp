#include "config/source_text.hpp"

#include <algorithm>
#include <utility>

namespace weir::config {
namespace {

constexpr std::size_t step = 4096;

bool begins_character(char c) noexcept { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

std::size_t characters_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

}  // namespace

SourceText::SourceText(std::string name, std::string text)
    : name_(std::move(name)), text_(std::move(text)), starts_{0} {
  if (text_.starts_with("\xEF\xBB\xBF")) text_.erase(0, 3);
  for (std::size_t at = text_.find('\n'); at != std::string::npos; at = text_.find('\n', at + 1)) {
    starts_.push_back(static_cast<std::uint32_t>(at + 1));
  }
  if (std::ranges::all_of(text_, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
    return;
  }
  std::size_t characters = 0;
  for (std::size_t at = 0; at <= text_.size(); at += step) {
    measured_.push_back(static_cast<std::uint32_t>(characters));
    characters += characters_of(std::string_view(text_).substr(at, step));
  }
}

std::string_view SourceText::line(std::size_t number) const noexcept {
  if (number >= starts_.size()) return {};
  const std::string_view from = std::string_view(text_).substr(starts_[number]);
  const std::string_view line = from.substr(0, from.find('\n'));
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

std::size_t SourceText::characters_before(std::size_t at) const {
  at = std::min(at, text_.size());
  if (measured_.empty()) return at;
  const std::size_t whole = at / step;
  return measured_[whole] +
         characters_of(std::string_view(text_).substr(whole * step, at - whole * step));
}

Place SourceText::place(std::size_t line, std::size_t byte) const {
  std::size_t column = byte;
  if (line < starts_.size() && byte <= text_.size()) {
    column = characters_before(starts_[line] + byte) - characters_before(starts_[line]);
  }
  return {name_, static_cast<int>(line), static_cast<int>(column)};
}

Place SourceText::place_of_byte(std::size_t at) const {
  const auto next = std::ranges::upper_bound(starts_, at);
  const auto line = static_cast<std::size_t>(next - starts_.begin()) - 1;
  return place(line, at - starts_[line]);
}

Place SourceText::place_of(const YAML::Mark& mark) const {
  if (mark.is_null() || mark.line < 0 || mark.column < 0) return beginning();
  return place(static_cast<std::size_t>(mark.line), static_cast<std::size_t>(mark.column));
}

}  // namespace weir::config
