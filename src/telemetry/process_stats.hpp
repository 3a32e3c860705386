// What the kernel knows of this process, for the process_* series. Main thread.
#pragma once

#include <cstdint>

namespace weir::telemetry {

struct ProcessStats {
  double cpu_seconds = 0;          // user and system
  double start_time = 0;           // seconds since the epoch
  std::uint64_t resident = 0;      // bytes
  std::uint64_t virtual_size = 0;  // bytes
  std::uint64_t threads = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
};

// What cannot be read stays 0.
ProcessStats read_process_stats();

}  // namespace weir::telemetry
