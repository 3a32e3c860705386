#include "app/report.hpp"

#include <fmt/format.h>

#include <string>

#include "app/terminal.hpp"

namespace weir::app {
namespace {

// A line of a file is looked for from its beginning.
constexpr std::size_t most_excerpts = 100;

std::string headline(const config::Problem& problem, const Paint& paint) {
  const Style style = problem.is_warning() ? Style::yellow : Style::red;
  const std::string word = problem.is_warning() ? paint(style, "warning:") + " " : "";
  const std::string line = problem.to_string();
  if (!paint.coloured() || problem.place.file.empty()) return word + line;
  const std::string place = config::to_string(problem.place) + ":";
  return word + paint(Style::bold, place) + line.substr(place.size());
}

std::string below(const config::Problem& problem, const config::Excerpt& excerpt,
                  const Paint& paint) {
  const Style style = problem.is_warning() ? Style::yellow : Style::red;
  const std::string gutter = fmt::format("{:5} | ", problem.place.line + 1);
  const std::string empty = std::string(gutter.size() - 2, ' ') + "| ";
  return paint(Style::dim, gutter) + excerpt.line + "\n" + paint(Style::dim, empty) +
         std::string(excerpt.caret, ' ') + paint(style, "^") + "\n";
}

}  // namespace

void print_problems(std::FILE* out, std::span<const config::Problem> problems,
                    const config::SourceTexts& texts) {
  const Paint paint = Paint::for_fd(::fileno(out));
  std::size_t excerpts = 0;
  for (const config::Problem& problem : problems) {
    std::string text = headline(problem, paint) + "\n";
    if (excerpts++ < most_excerpts) {
      if (const auto excerpt = config::excerpt(texts, problem.place)) {
        text += below(problem, *excerpt, paint);
      }
    }
    std::fwrite(text.data(), 1, text.size(), out);
  }
}

}  // namespace weir::app
