// The account of a run as one JSON object, and what its reader should be warned of.
#pragma once

#include <string>
#include <vector>

#include "driver/options.hpp"
#include "driver/run.hpp"

namespace weir::bench {

// Why the figures may not mean what they seem to; empty where the driver kept up.
std::vector<std::string> warnings(const Options& options, const Outcome& outcome);

// bench/README.md lists its members. Without a newline.
std::string report(const Options& options, const Outcome& outcome);

}  // namespace weir::bench
