// Collects what is wrong with a configuration while it is read. One for each load; one thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/config/problem.hpp"

namespace weir::config {

class Problems {
 public:
  void error(Place place, std::string path, std::string message);
  void warning(WarningName name, Place place, std::string path, std::string message);

  bool has_errors() const noexcept { return !errors_.empty(); }
  std::size_t error_count() const noexcept { return errors_.size(); }
  // Takes back what was said of the value at `path` itself since there were `count` errors.
  void forget_errors(std::size_t count, std::string_view path);
  // The one that `word` was most likely meant to be, "" where none is near; "" too once there are
  // so many problems that it would cost time.
  std::string_view nearest_word(std::string_view word,
                                std::span<const std::string_view> known) const;
  // " (did you mean 'x'?)" or "".
  std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) const;

  // " (known: a, b)" of the first twelve of them; "" for none.
  std::string known_words(std::span<const std::string_view> known) const;
  // For a word that is none of them: did_you_mean(), or known_words() where none is near.
  std::string known_words(std::string_view word, std::span<const std::string_view> known) const;

  // In the order of their places, each once. Takes them out.
  std::vector<Problem> take_errors();
  std::vector<Problem> take_warnings();

 private:
  std::vector<Problem> errors_;
  std::vector<Problem> warnings_;
};

// In the order of their places, each once.
void sort_problems(std::vector<Problem>& problems);

}  // namespace weir::config
