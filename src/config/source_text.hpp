// One file of a configuration as text, and where its lines begin. The YAML library counts columns
// in bytes, editors count them in characters: places are made here.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/config/place.hpp"

namespace weir::config {

class SourceText {
 public:
  SourceText(std::string name, std::string text);

  const std::string& name() const noexcept { return name_; }
  const std::string& text() const noexcept { return text_; }  // without a byte order mark
  std::size_t lines() const noexcept { return starts_.size(); }
  // Without its line break; "" of a line that is not there. From 0.
  std::string_view line(std::size_t number) const noexcept;

  // Of a line and a column in bytes, both from 0.
  Place place(std::size_t line, std::size_t byte) const;
  // Of a byte of the text.
  Place place_of_byte(std::size_t at) const;
  // The beginning of the file where the mark says nothing.
  Place place_of(const YAML::Mark& mark) const;
  Place beginning() const { return {name_, 0, 0}; }

 private:
  std::size_t characters_before(std::size_t at) const;

  std::string name_;
  std::string text_;                     // at most 16 MiB
  std::vector<std::uint32_t> starts_;    // of lines, in bytes
  std::vector<std::uint32_t> measured_;  // characters before each 4096th byte; none: all are ASCII
};

}  // namespace weir::config
