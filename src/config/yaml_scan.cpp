#include "config/yaml_scan.hpp"

#include <algorithm>
#include <string>

namespace weir::config {
namespace {

constexpr std::size_t most_open = 10'000;

bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

class YamlScanner {
 public:
  YamlScanner(std::string_view text, std::size_t until)
      : text_(text), until_(std::min(until, text.size())) {}

  YamlScan run() {
    while (at_ < until_) step();
    return std::move(out_);
  }

 private:
  void step() {
    const char c = text_[at_];
    if (c == '\n') {
      token_begins_ = true;
      line_begin_ = at_ + 1;
    } else if (c == '#' && (at_ == 0 || is_space(text_[at_ - 1]))) {
      at_ = std::min(text_.find('\n', at_), text_.size());
      return;
    } else if (token_begins_ && (c == '"' || c == '\'')) {
      return skip_quoted(c);
    } else if (token_begins_ && (c == '|' || c == '>') && out_.open.empty()) {
      return skip_block();
    } else if ((c == '[' || c == '{') && (token_begins_ || !out_.open.empty())) {
      if (out_.open.size() < most_open) out_.open.push_back({c, at_});
      token_begins_ = true;
      ++at_;
      return;
    } else if ((c == ']' || c == '}') && (token_begins_ || !out_.open.empty())) {
      close(c);
    } else if (!is_space(c)) {
      // What may stand before a new token.
      token_begins_ = (c == ',' && !out_.open.empty()) ||
                      ((c == ':' || c == '-' || c == '?') && is_space(next()));
    }
    ++at_;
  }

  char next() const { return at_ + 1 < text_.size() ? text_[at_ + 1] : '\n'; }

  void close(char c) {
    const char wanted = c == ']' ? '[' : '{';
    token_begins_ = false;
    if (!out_.open.empty() && out_.open.back().opened == wanted) {
      out_.open.pop_back();
    } else if (!out_.wrong) {
      out_.wrong = at_;
    }
  }

  void skip_quoted(char quote) {
    const std::size_t begin = at_;
    std::size_t end = at_ + 1;
    while (end < text_.size()) {
      if (quote == '"' && text_[end] == '\\') {
        end += 2;
      } else if (text_[end] != quote) {
        ++end;
      } else if (quote == '\'' && end + 1 < text_.size() && text_[end + 1] == quote) {
        end += 2;
      } else {
        break;
      }
    }
    const bool closed = end < text_.size();
    if (text_.substr(begin, end - begin).contains('\n') || !closed) {
      out_.several_lines = YamlScan::Quoted{begin, closed ? end + 1 : std::string_view::npos};
    }
    at_ = closed ? end + 1 : text_.size();
    token_begins_ = false;
  }

  std::size_t indent_at(std::size_t line) const {
    const std::size_t text = text_.find_first_not_of(' ', line);
    return (text == std::string_view::npos ? text_.size() : text) - line;
  }

  // A block scalar takes the lines that are indented more than its own.
  void skip_block() {
    const std::size_t indent = indent_at(line_begin_);
    at_ = text_.find('\n', at_);
    while (at_ != std::string_view::npos && at_ + 1 < text_.size()) {
      const std::size_t line = at_ + 1;
      const std::size_t end = std::min(text_.find('\n', line), text_.size());
      const bool is_empty = text_.find_first_not_of(" \r", line) >= end;
      if (!is_empty && indent_at(line) <= indent) break;
      at_ = end;
      if (end == text_.size()) break;
    }
    at_ = std::min(at_, text_.size());
    token_begins_ = false;
    if (at_ == text_.size()) return;
    // The line break is looked at next.
  }

  std::string_view text_;
  std::size_t until_;
  std::size_t at_ = 0;
  std::size_t line_begin_ = 0;
  bool token_begins_ = true;
  YamlScan out_;
};

}  // namespace

YamlScan scan_yaml(std::string_view text, std::size_t until) {
  return YamlScanner(text, until).run();
}

}  // namespace weir::config
