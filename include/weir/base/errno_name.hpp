// The name of an error number of the system, as operators search for it. Any thread.
#pragma once

#include <string>

namespace weir {

// "ECONNREFUSED", or "errno 4711" for a number without a name.
std::string errno_name(int error);

}  // namespace weir
