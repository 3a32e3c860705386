// Which release of Weir this is. Any thread.
#pragma once

#include <string_view>

namespace weir {

// MAJOR.MINOR.PATCH, as the build's project() says it. Ends with a NUL that does not count.
std::string_view release() noexcept;

}  // namespace weir
