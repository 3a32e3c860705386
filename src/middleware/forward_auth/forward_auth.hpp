// Asks an upstream whether a request may pass.
#pragma once

#include "middleware/type.hpp"

namespace weir {

std::shared_ptr<Middleware> make_forward_auth(const config::ForwardAuth& spec, const Making& with);
Explained explain_forward_auth(const config::ForwardAuth& spec, Explaining& asked);
// The fields that are copied from the upstream's answer.
std::vector<std::string> fields_of_forward_auth(const config::ForwardAuth& spec);

}  // namespace weir
