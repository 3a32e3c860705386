// Collects what is wrong with a configuration while it is read. One for each load; one thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/config/loader.hpp"

namespace weir::config {

class Problems {
 public:
  void error(Place place, std::string path, std::string message);
  void warning(Place place, std::string path, std::string message);

  bool has_errors() const noexcept { return !errors_.empty(); }
  std::size_t error_count() const noexcept { return errors_.size(); }
  // " (did you mean 'x'?)" or ""; "" too once there are so many problems that it would cost time.
  std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) const;

  // For a word that is none of them: the same, or " (known: a, b)" where none is near.
  std::string known_words(std::string_view word, std::span<const std::string_view> known) const;

  // In the order of their places, each once. Takes them out.
  std::vector<Problem> take_errors();
  std::vector<Problem> take_warnings();

 private:
  std::vector<Problem> errors_;
  std::vector<Problem> warnings_;
};

}  // namespace weir::config
