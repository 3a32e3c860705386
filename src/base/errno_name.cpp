#include "weir/base/errno_name.hpp"

#include <cstring>

namespace weir {

std::string errno_name(int error) {
  const char* const name = ::strerrorname_np(error);
  return name != nullptr ? name : "errno " + std::to_string(error);
}

}  // namespace weir
