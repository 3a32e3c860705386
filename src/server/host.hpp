// What the machine and this process's container allow, as /proc and the cgroup's files tell. Main
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::server {

class Host {
 public:
  // `root` stands before every path, for tests; "" is the machine.
  explicit Host(std::string root = {}) : root_(std::move(root)) {}

  // The CPU quota of this process's cgroup and those above it, whichever is least; 0 for none.
  double cpu_quota() const;
  // The memory limit likewise, in bytes; 0 for none.
  std::uint64_t memory_limit() const;
  // What the process may take: the limit, or the machine's memory if that is less; 0: not known.
  std::uint64_t memory() const;
  // How much of its memory is in use, 0 to 1: of the fullest cgroup with a limit (of its memory
  // what the kernel cannot give up at once, as kubelet counts it), without one the resident memory
  // of this process, of the machine's; 0: not known.
  double memory_used() const;
  // net.core.somaxconn; 0 when it is not known.
  std::uint64_t somaxconn() const;

 private:
  // This process's cgroup and those above it, as folders: of the one hierarchy (v2), or of
  // `controller`'s own (v1).
  std::vector<std::string> groups(std::string_view controller) const;

  std::string root_;
};

// A limit of the host that is below what the configuration may come to need.
struct Shortage {
  std::string_view limit;
  std::uint64_t is = 0;
  std::uint64_t needed = 0;
  std::string_view why;
  std::string_view remedy;
};

// What `connections` connections at the same time may meet; `sealed`: some are TLS or HTTP/2, which
// keep more per connection; `head_memory`: bytes that heads may take together.
std::vector<Shortage> shortages(const Host& host, std::uint64_t connections, bool sealed,
                                std::uint64_t head_memory);

}  // namespace weir::server
