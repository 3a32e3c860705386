// Asks for a user and a password (RFC 7617).
#pragma once

#include "middleware/type.hpp"

namespace weir {

std::shared_ptr<Middleware> make_basic_auth(const config::BasicAuth& spec, const Making& with);
Explained explain_basic_auth(const config::BasicAuth& spec, Explaining& asked);
// The field that names the user.
std::vector<std::string> fields_of_basic_auth(const config::BasicAuth& spec);

}  // namespace weir
