// weir-load: the open-loop driver. bench/README.md tells what it does and how to read it.
#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "driver/options.hpp"
#include "driver/report.hpp"
#include "driver/run.hpp"

namespace {

using namespace weir::bench;

// As many descriptors as the system lets us have.
void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void pin(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) {
    fmt::print(stderr, "weir-load: cannot stay on CPU {}\n", cpu);
  }
}

}  // namespace

int main(int argc, char** argv) {
  int exit_code = 0;
  ::signal(SIGPIPE, SIG_IGN);
  try {
    const auto options = read_options(argc, argv, exit_code);
    if (!options) return exit_code;
    raise_file_limit();
    if (options->cpu) pin(*options->cpu);
    const Outcome outcome = run(*options);
    for (const std::string& warning : warnings(*options, outcome)) {
      fmt::print(stderr, "weir-load: {}\n", warning);
    }
    fmt::print("{}\n", report(*options, outcome));
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "weir-load: {}\n", error.what());
    return 1;
  }
}
