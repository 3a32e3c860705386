// Where a value of the configuration stands, and the units its defaults are written in.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace weir::config {

using namespace std::chrono_literals;

inline constexpr std::uint64_t KiB = 1024;
inline constexpr std::uint64_t MiB = 1024 * KiB;

// Where a value stands, counted from 0 as the YAML library does.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
};

}  // namespace weir::config
