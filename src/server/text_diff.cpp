#include "server/text_diff.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace weir::server {
namespace {

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

// Past this many differing lines the two middles are told whole: the table below is their product.
constexpr std::size_t most_lines = 2000;

}  // namespace

std::string line_diff(std::string_view from, std::string_view to) {
  std::vector<std::string_view> a = lines_of(from);
  std::vector<std::string_view> b = lines_of(to);
  while (!a.empty() && !b.empty() && a.back() == b.back()) {
    a.pop_back();
    b.pop_back();
  }
  std::size_t start = 0;
  while (start < a.size() && start < b.size() && a[start] == b[start]) ++start;
  a.erase(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(start));
  b.erase(b.begin(), b.begin() + static_cast<std::ptrdiff_t>(start));

  std::string out;
  const auto tell = [&](char sign, std::string_view line) {
    out += sign;
    out += ' ';
    out += line;
    out += '\n';
  };
  if (a.size() > most_lines || b.size() > most_lines) {
    for (const std::string_view line : a) tell('-', line);
    for (const std::string_view line : b) tell('+', line);
    return out;
  }
  // Longest common subsequence, from the ends.
  const std::size_t width = b.size() + 1;
  std::vector<std::uint16_t> common((a.size() + 1) * width, 0);
  for (std::size_t i = a.size(); i-- > 0;) {
    for (std::size_t j = b.size(); j-- > 0;) {
      common[i * width + j] =
          a[i] == b[j] ? static_cast<std::uint16_t>(common[(i + 1) * width + j + 1] + 1)
                       : std::max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      ++i;
      ++j;
    } else if (j == b.size() ||
               (i < a.size() && common[(i + 1) * width + j] >= common[i * width + j + 1])) {
      tell('-', a[i++]);
    } else {
      tell('+', b[j++]);
    }
  }
  return out;
}

}  // namespace weir::server
