#include "weir/base/release.hpp"

namespace weir {

std::string_view release() noexcept { return WEIR_VERSION; }

}  // namespace weir
