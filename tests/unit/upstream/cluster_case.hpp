// What the tests of this room share: an upstream as configured, and a cluster of it on loops.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/loop_run.hpp"
#include "net/sockets.hpp"
#include "weir/upstream/cluster.hpp"

namespace weir::upstream {

using namespace std::chrono_literals;
using net::Origin;
using net::pass;
using net::run_on;
using net::until;

inline config::Upstream upstream_of(std::vector<std::string> addresses) {
  config::Upstream out;
  out.name = "orders";
  for (std::string& address : addresses) out.endpoints.push_back({std::move(address), 1});
  return out;
}

inline std::shared_ptr<Cluster> cluster_on(const config::Upstream& upstream,
                                           std::vector<net::Loop*> loops,
                                           RegistryHooks hooks = {}) {
  return std::make_shared<Cluster>(upstream, std::move(loops), std::move(hooks));
}

// As the forwarder does it.
inline Task<Result<Lease>> lease_of(Cluster& cluster, net::Loop& loop, unsigned worker = 0,
                                    Duration within = 10s) {
  Tried tried;
  if (std::optional<Lease> lease = cluster.try_acquire(worker, tried)) co_return std::move(*lease);
  co_return co_await cluster.acquire(worker, tried, loop.now() + within, nullptr);
}

inline Reason reason_of(const Result<Lease>& lease) {
  return lease ? Reason::none : lease.error().reason;
}

}  // namespace weir::upstream
