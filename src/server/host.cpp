#include "server/host.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>

#include "weir/net/acceptor.hpp"

namespace weir::server {
namespace {

constexpr std::uint64_t mib = 1024 * 1024;
// Program, configuration, workers' buffers.
constexpr std::uint64_t memory_at_rest = 32 * mib;
// An open connection with the kernel's part of it, and what is on its way.
constexpr std::uint64_t memory_plain = 8 * 1024;
constexpr std::uint64_t memory_sealed = 48 * 1024;
// The v1 hierarchy writes "no limit" as the largest multiple of a page.
constexpr std::uint64_t no_memory_limit = std::uint64_t{1} << 60;

// The first words of a file; empty when there is none.
std::vector<std::string> words(const std::string& file) {
  std::ifstream in(file);
  std::vector<std::string> out;
  std::string word;
  while (out.size() < 2 && in >> word) out.push_back(word);
  return out;
}

std::optional<double> number(const std::string& word) {
  std::istringstream in(word);
  double out = 0;
  if (!(in >> out) || !in.eof()) return std::nullopt;
  return out;
}

// 0 where there is none.
double first_number(const std::string& file) {
  const std::vector<std::string> first = words(file);
  return first.empty() ? 0 : number(first[0]).value_or(0);
}

// Of lines "name value"; 0 where there is none.
double stat_of(const std::string& file, std::string_view name) {
  std::ifstream in(file);
  std::string each;
  double value = 0;
  while (in >> each >> value) {
    if (each == name) return value;
  }
  return 0;
}

// MemTotal in bytes; 0: not known.
std::uint64_t machine_memory(const std::string& root) {
  std::ifstream in(root + "/proc/meminfo");
  std::string name;
  std::uint64_t kib = 0;
  return in >> name >> kib && name == "MemTotal:" ? kib * 1024 : 0;
}

template <class T>
void take_least(T& least, T value) {
  least = least == T{} ? value : std::min(least, value);
}

}  // namespace

std::vector<std::string> Host::groups(std::string_view controller) const {
  std::ifstream self(root_ + "/proc/self/cgroup");
  std::vector<std::string> out;
  std::string line;
  while (std::getline(self, line)) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    std::string group = line.substr(second + 1);
    const std::string own = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string mount = root_ + "/sys/fs/cgroup";
    if (own != ",,") {
      if (own.find("," + std::string(controller) + ",") == std::string::npos) continue;
      mount += "/" + std::string(controller);
    }
    // In a container the path may be the host's while the mount begins at the container's own
    // group: folders that are not there are passed over on the way up.
    while (true) {
      if (group == "/") group.clear();
      out.push_back(mount + group);
      if (group.empty()) break;
      group.resize(group.find_last_of('/') == std::string::npos ? 0 : group.rfind('/'));
    }
  }
  return out;
}

double Host::cpu_quota() const {
  double least = 0;
  for (const std::string& group : groups("cpu")) {
    std::vector<std::string> limit = words(group + "/cpu.max");
    if (limit.empty()) {
      limit = words(group + "/cpu.cfs_quota_us");
      const std::vector<std::string> period = words(group + "/cpu.cfs_period_us");
      limit.insert(limit.end(), period.begin(), period.end());
    }
    if (limit.size() < 2) continue;
    const auto quota = number(limit[0]);
    const auto period = number(limit[1]);
    if (quota && period && *quota > 0 && *period > 0) take_least(least, *quota / *period);
  }
  return least;
}

std::uint64_t Host::memory_limit() const {
  std::uint64_t least = 0;
  for (const std::string& group : groups("memory")) {
    std::vector<std::string> limit = words(group + "/memory.max");
    if (limit.empty()) limit = words(group + "/memory.limit_in_bytes");
    if (limit.empty()) continue;
    const auto bytes = number(limit[0]);
    if (bytes && *bytes > 0 && *bytes < static_cast<double>(no_memory_limit)) {
      take_least(least, static_cast<std::uint64_t>(*bytes));
    }
  }
  return least;
}

std::uint64_t Host::memory() const {
  std::uint64_t least = memory_limit();
  if (const std::uint64_t machine = machine_memory(root_); machine != 0) take_least(least, machine);
  return least;
}

double Host::memory_used() const {
  const std::uint64_t machine = machine_memory(root_);
  double most = -1;
  for (const std::string& group : groups("memory")) {
    const bool is_v2 = !words(group + "/memory.max").empty();
    const double limit = first_number(group + (is_v2 ? "/memory.max" : "/memory.limit_in_bytes"));
    if (limit <= 0 || limit >= static_cast<double>(no_memory_limit)) continue;
    const double usage =
        first_number(group + (is_v2 ? "/memory.current" : "/memory.usage_in_bytes"));
    const double cache =
        stat_of(group + "/memory.stat", is_v2 ? "inactive_file" : "total_inactive_file");
    const double allowed = machine != 0 ? std::min(limit, static_cast<double>(machine)) : limit;
    most = std::max(most, std::max(usage - cache, 0.0) / allowed);
  }
  if (most < 0 && machine != 0) {
    const std::vector<std::string> pages = words(root_ + "/proc/self/statm");
    const auto resident = pages.size() < 2 ? std::nullopt : number(pages[1]);
    const double bytes = resident.value_or(0) * static_cast<double>(::sysconf(_SC_PAGESIZE));
    most = bytes / static_cast<double>(machine);
  }
  return std::clamp(most, 0.0, 1.0);
}

std::uint64_t Host::somaxconn() const {
  const std::vector<std::string> value = words(root_ + "/proc/sys/net/core/somaxconn");
  const auto number_of = value.empty() ? std::nullopt : number(value[0]);
  return number_of && *number_of > 0 ? static_cast<std::uint64_t>(*number_of) : 0;
}

std::vector<Shortage> shortages(const Host& host, std::uint64_t connections, bool sealed,
                                std::uint64_t head_memory) {
  std::vector<Shortage> out;
  const std::uint64_t queue = host.somaxconn();
  const std::uint64_t queue_needed = std::min<std::uint64_t>(connections, net::listen_backlog);
  if (queue != 0 && queue < queue_needed) {
    out.push_back(
        {"net.core.somaxconn", queue, queue_needed,
         "in a burst, further connections wait a second or more until the client tries again",
         "sysctl -w net.core.somaxconn=4096, in the container's network namespace"});
  }
  const std::uint64_t memory = host.memory_limit();
  const std::uint64_t memory_needed =
      memory_at_rest + head_memory + connections * (sealed ? memory_sealed : memory_plain);
  if (memory != 0 && memory < memory_needed) {
    out.push_back(
        {"memory of the cgroup", memory, memory_needed,
         "with all of server.max_connections open and server.head_memory spent the kernel "
         "may kill the process",
         "raise the container's memory limit (MemoryMax= under systemd) or lower "
         "server.max_connections"});
  }
  return out;
}

}  // namespace weir::server
