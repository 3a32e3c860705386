// Why a connect failed, in a word or two for operators.
#pragma once

#include <string>

#include "weir/base/result.hpp"

namespace weir::upstream {

// "refused", "timed out", "no route to host", "TLS failed"; the name of the error number where
// there is no shorter word.
std::string cause_of(const Error& error);

}  // namespace weir::upstream
