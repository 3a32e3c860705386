// Whether the tables of callers that a configuration asks for can fit into memory.
#pragma once

#include <cstdint>
#include <optional>

#include "weir/config/loader.hpp"

namespace weir::server {

// A warning when all tables of callers together may come to need more than `memory` bytes; 0: not
// known, no warning. No error: a table takes memory as its callers come, and many never have so
// many.
std::optional<config::Problem> caller_memory_warning(const config::Config& config,
                                                     std::uint64_t memory);

// With what this machine and this process's cgroup have.
std::optional<config::Problem> caller_memory_warning(const config::Config& config);

}  // namespace weir::server
