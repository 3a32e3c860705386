// Changes header fields of requests and answers.
#pragma once

#include "middleware/type.hpp"

namespace weir {

std::shared_ptr<Middleware> make_headers(const config::Headers& spec, const Making& with);
Explained explain_headers(const config::Headers& spec, Explaining& asked);

}  // namespace weir
