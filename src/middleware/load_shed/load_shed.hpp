// Refuses requests by their route's priority while the gateway is too full.
#pragma once

#include "middleware/type.hpp"

namespace weir {

std::shared_ptr<Middleware> make_load_shed(const config::LoadShed& spec, const Making& with);
Explained explain_load_shed(const config::LoadShed& spec, Explaining& asked);

}  // namespace weir
