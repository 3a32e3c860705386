// One run of the driver: sends requests when they are due, however slow the answers are, and keeps
// account of all of them. One loop on the calling thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "driver/connections.hpp"
#include "driver/options.hpp"
#include "driver/tally.hpp"
#include "weir/base/time.hpp"

namespace weir::bench {

struct Outcome {
  std::vector<std::vector<Tally>> tallies;   // by step, by stream
  std::vector<std::vector<Second>> seconds;  // by stream, from the first counted step's begin on
  std::vector<Duration> lengths;             // of the steps, as far as they came
  Connections::Figures connections;
  std::int64_t began = 0;     // the first counted step, milliseconds since 1970
  bool interrupted = false;   // by SIGINT or SIGTERM: nothing more was due from then on
  double busy = 0;            // the loop's share of the time; waiting for a CPU counts as working
  std::string connect_error;  // why the last connect that failed did
};

// Returns when each request was answered, or its time was over. Throws std::system_error where the
// system gives too little.
Outcome run(const Options& options);

}  // namespace weir::bench
