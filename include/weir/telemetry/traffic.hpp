// What is counted of all requests together, for rates that are looked at many times a second: the
// routes' own counters would have to be added up. Each worker writes its own shard.
#pragma once

#include <cstdint>

#include "weir/base/reason.hpp"
#include "weir/telemetry/cells.hpp"
#include "weir/telemetry/sharded.hpp"

namespace weir::telemetry {

struct TrafficCounts {
  std::uint64_t requests = 0;       // that ended
  std::uint64_t server_errors = 0;  // answered with 500 or above
  std::uint64_t refused = 0;        // answered by the gateway itself, with a reason
};

struct alignas(cache_line) TrafficShard {
  // The end of an exchange.
  void count(int status, Reason reason) noexcept {
    requests.add();
    if (status >= 500) server_errors.add();
    if (reason != Reason::none && reason != Reason::client_closed) refused.add();
  }

  Counter requests;
  Counter server_errors;
  Counter refused;
};

class Traffic : public Sharded<TrafficShard> {
 public:
  using Sharded::Sharded;

  // Any thread.
  TrafficCounts counts() const {
    TrafficCounts out;
    for_each([&](const TrafficShard& shard) {
      out.requests += shard.requests.value();
      out.server_errors += shard.server_errors.value();
      out.refused += shard.refused.value();
    });
    return out;
  }
};

}  // namespace weir::telemetry
