// The quotes and brackets of a YAML text, as far as they tell why it is no YAML. A rough reader: it
// is asked about texts that the library has refused. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace weir::config {

struct YamlScan {
  struct Bracket {
    char opened;     // '[' or '{'
    std::size_t at;  // byte of the text
  };
  struct Quoted {
    std::size_t begin;
    std::size_t end;  // behind its closing quote; npos: it has none
  };
  std::vector<Bracket> open;            // brackets without an end, outermost first
  std::optional<std::size_t> wrong;     // the first closing bracket that fits none
  std::optional<Quoted> several_lines;  // the last quoted text that does not end on its line
};

// Reads the first `until` bytes; a quoted text that begins there is followed to its end.
YamlScan scan_yaml(std::string_view text, std::size_t until);

}  // namespace weir::config
