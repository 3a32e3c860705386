// A regular expression (RE2) that must match the whole of a text, taken as bytes. Owned by the
// route table; const: any thread.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace weir::route {

class Expression {
 public:
  // Fails with what is wrong with it. Its program and cache of states stay below 1 MiB.
  static std::expected<Expression, std::string> compile(const std::string& text);

  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;
  ~Expression();

  // Linear in the text. Allocates only to grow the cache of states.
  bool matches(std::string_view text) const noexcept;

 private:
  explicit Expression(std::unique_ptr<const re2::RE2> program);

  std::unique_ptr<const re2::RE2> program_;
  // What it matches lies between these: most texts are turned away without running it. Short, so
  // that they stay inside the object.
  bool bounded_ = false;
  std::string low_;
  std::string high_;
};

}  // namespace weir::route
