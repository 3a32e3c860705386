#include "route/expression.hpp"

#include <re2/re2.h>

#include <utility>

#include "weir/route/expression_fault.hpp"

namespace weir::route {
namespace {

constexpr int bound_size = 15;

re2::RE2::Options options() {
  re2::RE2::Options options;
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(1 << 20);
  return options;
}

}  // namespace

std::expected<Expression, std::string> Expression::compile(const std::string& text) {
  auto program = std::make_unique<const re2::RE2>(text, options());
  if (!program->ok()) return std::unexpected(program->error());
  // RE2 compares a literal start without running its automaton, and tells bounds, only for what
  // says that it begins at the start. An open \Q would swallow the parenthesis.
  auto anchored = std::make_unique<const re2::RE2>("^(?:" + text + ")", options());
  if (anchored->ok()) program = std::move(anchored);
  return Expression(std::move(program));
}

Expression::Expression(std::unique_ptr<const re2::RE2> program) : program_(std::move(program)) {
  bounded_ = program_->PossibleMatchRange(&low_, &high_, bound_size);
}

Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;
Expression::~Expression() = default;

bool Expression::matches(std::string_view text) const noexcept {
  if (bounded_ && (text < low_ || text > high_)) return false;
  return program_->Match(re2::StringPiece(text.data(), text.size()), 0, text.size(),
                         re2::RE2::ANCHOR_BOTH, nullptr, 0);
}

std::string expression_fault(const std::string& text) {
  const auto compiled = Expression::compile(text);
  return compiled ? "" : compiled.error();
}

}  // namespace weir::route
