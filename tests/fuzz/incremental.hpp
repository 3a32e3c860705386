// What the fuzz targets of the HTTP/1 parsers have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "weir/http/header_map.hpp"

namespace weir::fuzz {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

inline void require_one_line(std::string_view text) {
  require(text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos,
          "no CR, LF or NUL in a text");
}

inline void require_sound(const HeaderMap& headers) {
  for (const HeaderMap::Field& field : headers) {
    require(!field.name.empty(), "a field has a name");
    require(field.name.find_first_of(" \t:") == std::string_view::npos, "a name is a token");
    require(field.id == field_id(field.name), "a field's id is its name's");
    require_one_line(field.name);
    require_one_line(field.value);
  }
}

inline void append(std::string& out, std::string_view text) {
  out += text;
  out += '\n';
}

inline void append(std::string& out, std::uint64_t number) { append(out, std::to_string(number)); }

inline void append(std::string& out, const HeaderMap& headers) {
  for (const HeaderMap::Field& field : headers) {
    append(out, field.name);
    append(out, field.value);
  }
}

// Long inputs are cut at some places only: enough to find what a split does, and linear.
inline std::size_t split_stride(std::size_t size) { return size / 512 + 1; }

}  // namespace weir::fuzz
