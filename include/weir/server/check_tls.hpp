// Whether the certificates and keys that a configuration names are right. Opens them; blocks.
#pragma once

#include <vector>

#include "weir/config/loader.hpp"

namespace weir::server {

// All that is wrong; what does not stop a start (a certificate that has expired) goes to
// `warnings`.
std::vector<config::Problem> check_tls(const config::Config& config,
                                       std::vector<config::Problem>& warnings);

}  // namespace weir::server
