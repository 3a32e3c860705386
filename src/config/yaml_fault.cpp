#include "config/yaml_fault.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "config/scalars.hpp"
#include "config/yaml_scan.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

constexpr std::size_t none = std::string_view::npos;

class Explanation {
 public:
  Explanation(const SourceText& source, const YAML::Exception& failure)
      : source_(source), said_(failure.msg) {
    const bool known = !failure.mark.is_null() && failure.mark.line >= 0;
    line_ = known ? static_cast<std::size_t>(failure.mark.line) : 0;
    column_ = known ? static_cast<std::size_t>(std::max(failure.mark.column, 0)) : 0;
    if (line_ >= source.lines()) line_ = source.lines() - 1;
    text_ = source.line(line_);
    column_ = std::min(column_, text_.size());
    at_ = static_cast<std::size_t>(text_.data() - source.text().data()) + column_;
    scan_ = scan_yaml(source.text(), at_);
  }

  // In the order of what is surest.
  YamlFault run() const {
    if (auto fault = tab()) return *fault;
    if (auto fault = quote()) return *fault;
    if (auto fault = bracket()) return *fault;
    if (auto fault = first_character()) return *fault;
    if (auto fault = anchor()) return *fault;
    if (auto fault = escape()) return *fault;
    if (auto fault = colon()) return *fault;
    if (auto fault = structure()) return *fault;
    return here("this is not YAML; look at the quotes, brackets and indentation here and above");
  }

 private:
  using Maybe = std::optional<YamlFault>;

  bool says(std::string_view words) const { return said_.contains(words); }
  YamlFault here(std::string message) const {
    return {source_.place(line_, column_), std::move(message)};
  }
  YamlFault at_byte(std::size_t byte, std::string message) const {
    return {source_.place_of_byte(byte), std::move(message)};
  }
  YamlFault at_column(std::size_t column, std::string message) const {
    return {source_.place(line_, column), std::move(message)};
  }
  std::size_t line_of_byte(std::size_t byte) const {
    return static_cast<std::size_t>(source_.place_of_byte(byte).line) + 1;
  }

  // In the indentation of this line or of one of the two before, where the library noticed late.
  Maybe tab() const {
    for (std::size_t back = 0; back < 3 && back <= line_; ++back) {
      const std::string_view line = source_.line(line_ - back);
      const std::size_t text = line.find_first_not_of(" \t");
      const std::size_t tab = line.find('\t');
      if (tab == none || text == none || tab > text || line[text] == '#') continue;
      return YamlFault{
          source_.place(line_ - back, tab),
          "a tab indents this line; YAML allows only spaces here, write spaces instead"};
    }
    return std::nullopt;
  }

  Maybe quote() const {
    if (!scan_.several_lines) return std::nullopt;
    const auto& [begin, end] = *scan_.several_lines;
    const char mark = source_.text()[begin];
    if (end == none) {
      return at_byte(begin, quote_without_end(mark));
    }
    // The quote that ended it was meant to begin another text.
    if (end > at_ + 1 || line_of_byte(end - 1) < line_ + 1) return std::nullopt;
    return at_byte(begin, fmt::format("the quote {0} that opens here is closed only in line {1}; "
                                      "write {0} where the text ends on this line",
                                      mark, line_of_byte(end - 1)));
  }

  Maybe bracket() const {
    const bool in_flow = says("flow not found") || says("illegal flow end");
    if (scan_.wrong) {
      const char closing = source_.text()[*scan_.wrong];
      if (scan_.open.empty()) {
        return at_byte(
            *scan_.wrong,
            fmt::format("'{}' closes nothing; remove it, or put the text in quotes", closing));
      }
      return at_byte(*scan_.wrong, mismatch(closing));
    }
    if (!in_flow) return std::nullopt;
    const char next = column_ < text_.size() ? text_[column_] : '\0';
    if (scan_.open.empty()) {
      return here(fmt::format("'{}' closes nothing; remove it, or put the text in quotes", next));
    }
    if (next == ']' || next == '}') return here(mismatch(next));
    const YamlScan::Bracket& last = scan_.open.back();
    const char closing = last.opened == '[' ? ']' : '}';
    if (line_of_byte(last.at) == line_ + 1 && next != '\0') {
      return here(
          fmt::format("something is missing before this: a comma, or '{}' for the '{}' in "
                      "column {}; inside {{ }} and [ ] a text with {{ }} [ ] or a comma "
                      "needs quotes",
                      closing, last.opened, source_.place_of_byte(last.at).column + 1));
    }
    return at_byte(last.at, fmt::format("'{}' has no '{}'; write it where the {} ends", last.opened,
                                        closing, last.opened == '[' ? "list" : "mapping"));
  }

  std::string mismatch(char closing) const {
    const YamlScan::Bracket& last = scan_.open.back();
    return fmt::format(
        "'{}' does not close the '{}' of line {}, column {}; inside {{ }} and [ ] a "
        "text with {{ }} [ ] or a comma needs quotes",
        closing, last.opened, line_of_byte(last.at), source_.place_of_byte(last.at).column + 1);
  }

  // '%', '@' and '`' begin no value, and '%' no line.
  Maybe first_character() const {
    const std::size_t text = text_.find_first_not_of(' ');
    for (const std::size_t at : {column_, text}) {
      if (at >= text_.size()) continue;
      const char c = text_[at];
      if (c != '%' && c != '@' && c != '`') continue;
      return at_column(at, fmt::format("a text cannot begin with {}; put it in quotes",
                                       c == '`' ? std::string("a backtick") : in_quotes({&c, 1})));
    }
    return std::nullopt;
  }

  Maybe anchor() const {
    if (!says("alias") && !says("anchor")) return std::nullopt;
    const std::size_t mark = text_.find_last_of("*&", column_);
    if (mark == none) return std::nullopt;
    const std::size_t end = std::min(text_.find_first_of(" ,]}", mark), text_.size());
    const std::string_view word = text_.substr(mark, end - mark);
    if (word.starts_with('&')) {
      return at_column(mark,
                       "'&' begins the name of an anchor; a text that begins with '&' needs "
                       "quotes");
    }
    return at_column(
        mark,
        fmt::format(
            "{} refers to an anchor that does not exist; a text that begins with '*' needs quotes",
            in_quotes(word)));
  }

  Maybe escape() const {
    if (!says("escape") && !says("hex") && !says("unicode")) return std::nullopt;
    const std::size_t backslash = text_.rfind('\\', column_);
    return at_column(backslash == none ? column_ : backslash,
                     "a backslash between double quotes begins an escape, and this is not one; "
                     "write \\\\, or use single quotes");
  }

  // `a: b: c`.
  Maybe colon() const {
    if (!says("illegal map value")) return std::nullopt;
    const std::size_t first = text_.find(": ");
    if (first != none && first < column_) {
      return here(
          "a ':' with a space after it begins a value, and this line has one already; put the text "
          "in quotes");
    }
    for (std::size_t above = line_; above > 0;) {
      const std::string_view line = source_.line(--above);
      const std::size_t text = line.find_first_not_of(' ');
      if (text == none || line[text] == '#') continue;
      if (auto fault = no_key(above)) return fault;
      break;
    }
    return at_column(std::min(text_.find_first_not_of(' '), column_),
                     "the line above has its value already; begin this one in the column where "
                     "the key of that line begins");
  }

  // A line that should be `key: value` and has no ':', or no space behind it.
  Maybe no_key(std::size_t number) const {
    const std::string_view line = source_.line(number);
    std::size_t text = line.find_first_not_of(" -");
    if (text == none) return std::nullopt;
    const std::string_view rest = line.substr(text, line.find(" #", text) - text);
    const std::size_t colon = rest.find(':');
    if (rest.contains(": ") || rest.ends_with(':')) return std::nullopt;
    if (colon != none) {
      return YamlFault{source_.place(number, text + colon),
                       "a space is missing after this ':'; write `key: value`"};
    }
    return YamlFault{source_.place(number, text),
                     fmt::format("{} has no ':'; write `{}: VALUE`", in_quotes(rest),
                                 rest.size() <= 40 ? rest : std::string_view("KEY"))};
  }

  Maybe structure() const {
    if (says("block scalar")) {
      return here(
          "after '|' or '>' the text begins on the next line; put a text that begins with one of "
          "them in quotes");
    }
    if (says("illegal block entry")) {
      return here(
          "a list's '-' begins a line of its own; write it on the next one, or write "
          "[a, b]");
    }
    if (!says("end of map") && !says("end of sequence") && !says("illegal map key")) {
      return std::nullopt;
    }
    const std::size_t text = text_.find_first_not_of(' ');
    if (text == none) return std::nullopt;
    const std::string_view before = trim(text_.substr(0, column_));
    if (column_ > text && (before.ends_with('"') || before.ends_with('\''))) {
      return here(
          "there is text after the closing quote; put all of it in quotes (in single quotes, '' is "
          "one ')");
    }
    const bool is_item = text_.substr(text).starts_with("- ") || text_.substr(text) == "-";
    if (!is_item) {
      if (auto fault = no_key(line_)) return fault;
    }
    return at_column(text, indentation(text));
  }

  std::string indentation(std::size_t indent) const {
    // The nearest lines above with text: where this one could have begun.
    std::string columns;
    std::size_t last = none;
    for (std::size_t line = line_; line > 0 && line + 200 > line_;) {
      const std::string_view above = source_.line(--line);
      const std::size_t begin = above.find_first_not_of(' ');
      if (begin == none || above[begin] == '#' || begin >= last) continue;
      last = begin;
      columns += fmt::format("{}{}", columns.empty() ? "" : ", ", begin + 1);
      if (begin == 0) break;
    }
    return fmt::format(
        "this line begins in column {}, where no block above begins; the keys of a block begin in "
        "the same column (above: {})",
        indent + 1, columns.empty() ? "1" : columns);
  }

  const SourceText& source_;
  std::string_view said_;
  std::size_t line_ = 0;
  std::size_t column_ = 0;  // in bytes
  std::string_view text_;   // of that line
  std::size_t at_ = 0;
  YamlScan scan_;
};

}  // namespace

std::string quote_without_end(char quote) {
  return fmt::format(
      "the quote {0} that opens here is not closed; write {0} at the end of the text", quote);
}

YamlFault explain_yaml_error(const SourceText& source, const YAML::Exception& failure) {
  return Explanation(source, failure).run();
}

}  // namespace weir::config
