#include "server/limits.hpp"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>

#include "weir/telemetry/log.hpp"

namespace weir::server {
namespace {

// Descriptors that are not a client's or an upstream's connection: logs, listeners, the admin's.
constexpr std::uint64_t reserved_files = 128;
constexpr std::uint64_t least_head_memory = 32 * 1024 * 1024;

}  // namespace

unsigned worker_count(unsigned configured, double quota) {
  if (configured != 0) return configured;
  cpu_set_t mask;
  CPU_ZERO(&mask);
  unsigned cpus = 1;
  if (::sched_getaffinity(0, sizeof mask, &mask) == 0) {
    cpus = static_cast<unsigned>(std::max(1, CPU_COUNT(&mask)));
  }
  if (quota > 0) cpus = std::min(cpus, static_cast<unsigned>(std::max(1.0, std::ceil(quota))));
  return cpus;
}

std::uint64_t fit_connections(std::uint64_t wanted) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return wanted;
  if (files.rlim_cur < files.rlim_max) {
    const rlimit raised{files.rlim_max, files.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) files = raised;
  }
  const rlim_t needed = wanted * 2 + reserved_files;
  if (files.rlim_cur >= needed) return wanted;
  const std::uint64_t fits = std::max<std::uint64_t>(
      1, files.rlim_cur > reserved_files ? (files.rlim_cur - reserved_files) / 2 : 1);
  telemetry::log::warn("server.max_connections lowered to what the limit of open files allows",
                       {{"wanted", wanted},
                        {"allowed", fits},
                        {"open_files", files.rlim_cur},
                        {"needed", needed},
                        {"why", "a connection needs one open file, and one more for its upstream"},
                        {"remedy",
                         "raise the hard limit (LimitNOFILE= under systemd, ulimit -Hn, "
                         "--ulimit nofile= of a container) or lower server.max_connections"}});
  return fits;
}

std::uint64_t head_memory(std::uint64_t configured, const Host& host) {
  if (configured != 0) return configured;
  return std::max(least_head_memory, host.memory() / 8);
}

void warn_of_shortages(const Host& host, const config::Config& config, std::uint64_t connections) {
  const bool sealed = std::ranges::any_of(config.listeners, [](const config::Listener& listener) {
    return listener.tls.has_value() || listener.spoken().h2c;
  });
  for (const Shortage& one :
       shortages(host, connections, sealed, head_memory(config.server.head_memory, host))) {
    telemetry::log::warn("the host allows less than the configuration may need",
                         {{"limit", one.limit},
                          {"is", one.is},
                          {"needed", one.needed},
                          {"why", one.why},
                          {"remedy", one.remedy}});
  }
}

}  // namespace weir::server
