// Asks for a key that is in a file.
#pragma once

#include "middleware/type.hpp"

namespace weir {

std::shared_ptr<Middleware> make_api_key(const config::ApiKey& spec, const Making& with);
Explained explain_api_key(const config::ApiKey& spec, Explaining& asked);

}  // namespace weir
