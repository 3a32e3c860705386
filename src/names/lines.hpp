// Lines and words of the small files in /etc.
#pragma once

#include <string_view>

namespace weir::names {

// Without what stands behind one of `comments`.
template <class Fn>
void for_each_line(std::string_view text, std::string_view comments, Fn&& fn) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    fn(line.substr(0, line.find_first_of(comments)));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

// Takes it off the line; "" at its end.
inline std::string_view next_word(std::string_view& line) {
  constexpr std::string_view blanks = " \t\r\v\f";
  const std::size_t begin = line.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return line = {};
  const std::size_t end = line.find_first_of(blanks, begin);
  const std::string_view word = line.substr(begin, end - begin);
  line.remove_prefix(end == std::string_view::npos ? line.size() : end);
  return word;
}

}  // namespace weir::names
