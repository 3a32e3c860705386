#include "config/allowances.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "config/scalars.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

constexpr std::string_view mark = "weir:";
constexpr std::string_view verb = "allow";
constexpr std::size_t most_names = 10'000;

bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

// Where the line's comment begins, npos without one. A '#' between quotes of this line is none; of
// quotes that an earlier line opened this does not know.
std::size_t comment_of(std::string_view line) {
  char quote = '\0';
  char before = ' ';  // the last one that is not blank
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != '\0') {
      if (quote == '"' && c == '\\') {
        ++i;
      } else if (c == quote) {
        quote = '\0';
      }
    } else if (c == '#' && (i == 0 || is_blank(line[i - 1]))) {
      return i;
    } else if ((c == '"' || c == '\'') && std::string_view(" [{,:-?").contains(before)) {
      quote = c;
    }
    if (!is_blank(c)) before = c;
  }
  return std::string_view::npos;
}

// What stands behind `# weir: allow`; nothing of another comment.
std::optional<std::string_view> names_in(std::string_view comment) {
  comment = trim(comment.substr(1));
  if (!comment.starts_with(mark)) return std::nullopt;
  comment = trim(comment.substr(mark.size()));
  if (!comment.starts_with(verb)) return std::nullopt;
  comment.remove_prefix(verb.size());
  if (!comment.empty() && !is_blank(comment.front())) return std::nullopt;
  return trim(comment);
}

class CommentScanner {
 public:
  CommentScanner(const SourceText& source, Problems& problems)
      : source_(source), problems_(problems) {}

  std::vector<Allowance> run() {
    // Most files have none: they are not looked at line by line.
    if (!source_.text().contains(mark)) return {};
    for (std::size_t number = 0; number < source_.lines(); ++number) look_at(number);
    return std::move(found_);
  }

 private:
  void look_at(std::size_t number) {
    const std::string_view line = source_.line(number);
    const std::size_t at = comment_of(line);
    const bool has_text = !trim(line.substr(0, at)).empty();
    if (at != std::string_view::npos) {
      if (const auto names = names_in(line.substr(at))) add(number, at, *names);
    }
    if (!has_text) return;
    for (; waiting_ < found_.size(); ++waiting_) found_[waiting_].line = static_cast<int>(number);
  }

  void add(std::size_t number, std::size_t at, std::string_view names) {
    const Place place = source_.place(number, at);
    if (names.empty()) return wrong(place, "names no warning");
    for_each_element(names, [&](std::string_view written) {
      if (const auto name = parse_warning_name(written)) {
        if (found_.size() < most_names) found_.push_back({place, static_cast<int>(number), *name});
      } else {
        wrong(place, fmt::format("there is no warning {}{}", in_quotes(written),
                                 problems_.did_you_mean(written, warning_names())));
      }
      return true;
    });
  }

  void wrong(const Place& place, std::string message) {
    problems_.warning(WarningName::unknown_allow, place, "", "`# weir: allow`: " + message);
  }

  const SourceText& source_;
  Problems& problems_;
  std::vector<Allowance> found_;
  std::size_t waiting_ = 0;  // from here on they are for the next line with text
};

bool is_for(const Allowance& allowance, const Problem& warning) {
  return allowance.name == warning.name && allowance.line == warning.place.line &&
         allowance.place.file == warning.place.file;
}

}  // namespace

std::vector<Allowance> find_allowances(const SourceText& source, Problems& problems) {
  return CommentScanner(source, problems).run();
}

void settle_warnings(Loaded& loaded) {
  std::erase_if(loaded.warnings, [&](const Problem& warning) {
    bool allowed = false;
    for (Allowance& each : loaded.allowances) {
      if (!is_for(each, warning)) continue;
      each.used = true;
      allowed = true;
    }
    return allowed;
  });
  Problems unused;
  for (const Allowance& each : loaded.allowances) {
    if (each.used || depends_on_surroundings(each.name)) continue;
    unused.warning(WarningName::unused_allow, each.place, "",
                   fmt::format("`# weir: allow {}` switches nothing off: there is no such warning "
                               "for line {}; remove it",
                               to_text(each.name), each.line + 1));
  }
  loaded.allowances.clear();
  for (Problem& each : unused.take_warnings()) loaded.warnings.push_back(std::move(each));
  sort_problems(loaded.warnings);
}

}  // namespace weir::config
