// Limits the content of requests, instead of the listener's limit.
#pragma once

#include "middleware/type.hpp"

namespace weir {

std::shared_ptr<Middleware> make_body_limit(const config::BodyLimit& spec, const Making& with);
Explained explain_body_limit(const config::BodyLimit& spec, Explaining& asked);

}  // namespace weir
