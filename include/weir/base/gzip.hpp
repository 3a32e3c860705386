// gzip of bytes that lie in memory.
#pragma once

#include <string>
#include <string_view>

namespace weir {

// One gzip member (RFC 1952) of `bytes`, at the level that is fastest. Throws bad_alloc. Any
// thread.
std::string gzip(std::string_view bytes);

}  // namespace weir
