#include "server/limits.hpp"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>

#include "weir/telemetry/log.hpp"

namespace weir::server {
namespace {

// Descriptors that are not a client's or an upstream's connection: logs, listeners, the admin's.
constexpr std::uint64_t reserved_files = 128;

// The quota of this process's cgroup (v2) and those above it, in CPUs; 0 for none.
double cgroup_quota() {
  std::ifstream self("/proc/self/cgroup");
  std::string line;
  std::string group;
  while (std::getline(self, line)) {
    if (line.starts_with("0::")) group = line.substr(3);
  }
  double least = 0;
  while (true) {
    std::ifstream limit("/sys/fs/cgroup" + (group == "/" ? "" : group) + "/cpu.max");
    std::string quota;
    double period = 0;
    if (limit >> quota >> period && quota != "max" && period > 0) {
      const double cpus = std::stod(quota) / period;
      least = least == 0 ? cpus : std::min(least, cpus);
    }
    if (group.empty() || group == "/") return least;
    group.resize(group.rfind('/'));
  }
}

void show_breaker(const control::BreakerView& view, telemetry::UpstreamMetrics::Breaker& out) {
  out.active.set(view.active ? 1 : 0);
  out.state.set(static_cast<double>(view.state));
  for (std::size_t i = 0; i < view.transitions.size(); ++i) {
    out.transitions[i].set(static_cast<double>(view.transitions[i]));
  }
}

}  // namespace

unsigned worker_count(unsigned configured) {
  if (configured != 0) return configured;
  cpu_set_t mask;
  CPU_ZERO(&mask);
  unsigned cpus = 1;
  if (::sched_getaffinity(0, sizeof mask, &mask) == 0) {
    cpus = static_cast<unsigned>(std::max(1, CPU_COUNT(&mask)));
  }
  const double quota = cgroup_quota();
  if (quota > 0) cpus = std::min(cpus, static_cast<unsigned>(std::max(1.0, std::ceil(quota))));
  return cpus;
}

std::uint64_t fit_connections(std::uint64_t wanted) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return wanted;
  const rlim_t needed = wanted * 2 + reserved_files;
  if (files.rlim_cur < needed) {
    rlimit raised = files;
    raised.rlim_cur = std::min(needed, files.rlim_max);
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) files = raised;
  }
  if (files.rlim_cur >= needed) return wanted;
  const std::uint64_t fits = std::max<std::uint64_t>(
      1, files.rlim_cur > reserved_files ? (files.rlim_cur - reserved_files) / 2 : 1);
  telemetry::log::warn("server.max_connections lowered to what the limit of open files allows",
                       {{"wanted", wanted}, {"allowed", fits}, {"open_files", files.rlim_cur}});
  return fits;
}

bool same_listener(const config::Listener& next, const config::Listener& now) {
  return next.name == now.name && next.bind == now.bind && next.spoken() == now.spoken() &&
         next.proxy_protocol == now.proxy_protocol && next.limits == now.limits &&
         next.tls == now.tls;
}

void watch_saturation(Process& process, const std::vector<std::unique_ptr<Worker>>& workers) {
  // Busy share since the scrape before, so that the gauge follows the load.
  auto before = std::make_shared<std::vector<net::Loop::Use>>(workers.size());
  process.metrics.on_scrape([&process, &workers, before] {
    double worst = 0;
    for (std::size_t i = 0; i < workers.size(); ++i) {
      const net::Loop::Use use = workers[i]->loop().use();
      const Duration total = use.total - (*before)[i].total;
      const Duration busy = use.busy - (*before)[i].busy;
      const double share =
          total <= Duration::zero()
              ? 0.0
              : std::clamp(static_cast<double>(busy.count()) / static_cast<double>(total.count()),
                           0.0, 1.0);
      (*before)[i] = use;
      process.metrics.utilization(static_cast<unsigned>(i)).set(share);
      worst = std::max(worst, share);
    }
    const double connections =
        static_cast<double>(process.connections.load(std::memory_order_relaxed)) /
        static_cast<double>(process.max_connections.load(std::memory_order_relaxed));
    process.metrics.saturation.set(std::min(1.0, std::max(worst, connections)));
    for (const auto& cluster : process.registry.clusters()) {
      const upstream::ClusterInfo info = cluster->describe();
      const auto series = process.metrics.upstream(info.name);
      series->saturation.set(info.saturation);
      show_breaker(cluster->breaker().view(Clock::now()), series->breaker);
      for (const upstream::EndpointInfo& endpoint : info.endpoints) {
        auto* metrics = endpoint.endpoint->annex<telemetry::EndpointMetrics>();
        metrics->healthy.set(endpoint.state == upstream::EndpointState::ready ? 1 : 0);
        // The main thread's shard alone holds these: workers count in the endpoint itself.
        auto& shard = metrics->shard(process.metrics.main_slot());
        shard.idle.set(static_cast<std::int64_t>(endpoint.idle_connections));
        shard.active.set(static_cast<std::int64_t>(endpoint.active_connections));
      }
    }
  });
}

}  // namespace weir::server
