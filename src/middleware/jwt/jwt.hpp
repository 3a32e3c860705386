// Verifies a JSON Web Token (RFC 6750, RFC 7519).
#pragma once

#include "middleware/type.hpp"

namespace weir {

std::shared_ptr<Middleware> make_jwt(const config::Jwt& spec, const Making& with);
Explained explain_jwt(const config::Jwt& spec, Explaining& asked);
// The fields that carry claims.
std::vector<std::string> fields_of_jwt(const config::Jwt& spec);

}  // namespace weir
