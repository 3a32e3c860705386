// UTF-8 as RFC 3629 has it: no surrogates, nothing above U+10FFFF, no longer form than needed.
#pragma once

#include <cstddef>
#include <string_view>

namespace weir {

// Length in bytes of the valid sequence at the start of `text`, 0 if there is none.
// REQUIRES: not empty.
std::size_t utf8_sequence(std::string_view text) noexcept;
// How many bytes at the start of `text` are valid sequences: all of them, or the place of the first
// wrong one.
std::size_t valid_utf8(std::string_view text) noexcept;

}  // namespace weir
