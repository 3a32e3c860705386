// Cross-origin requests of browsers (Fetch standard, section 3.2): answers preflights.
#pragma once

#include "middleware/type.hpp"

namespace weir {

std::shared_ptr<Middleware> make_cors(const config::Cors& spec, const Making& with);
Explained explain_cors(const config::Cors& spec, Explaining& asked);

}  // namespace weir
