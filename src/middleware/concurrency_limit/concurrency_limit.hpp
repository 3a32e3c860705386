// Limits how many requests of a caller are in flight.
#pragma once

#include "middleware/type.hpp"

namespace weir {

std::shared_ptr<Middleware> make_concurrency_limit(const config::ConcurrencyLimit& spec,
                                                   const Making& with);
Explained explain_concurrency_limit(const config::ConcurrencyLimit& spec, Explaining& asked);

}  // namespace weir
