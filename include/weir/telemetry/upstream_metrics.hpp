// What is counted per upstream and per endpoint. Found by name and address through Metrics, kept by
// whoever counts there; each worker writes its own shard.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "weir/base/reason.hpp"
#include "weir/control/name_schedule.hpp"
#include "weir/telemetry/cells.hpp"
#include "weir/telemetry/sharded.hpp"

namespace weir::telemetry {

// What became of a retry, or of the wish for one.
enum class RetryResult : std::uint8_t { success, failure, budget, not_replayable };
inline constexpr std::size_t retry_result_count = 4;

// What became of a hedge, or of the wish for one.
enum class HedgeResult : std::uint8_t { won, lost, budget };
inline constexpr std::size_t hedge_result_count = 3;

struct alignas(cache_line) UpstreamShard {
  Histogram duration;  // of a try: from its start to the last byte of the answer
  Histogram connect;   // only tries that opened a connection
  Histogram queue;     // only tries that waited for a permit
  // Answers that were understood because `lenient` names the fault.
  Counter bare_lf;
  Counter padded_chunk_size;
  std::array<Counter, retry_result_count> retries;
  std::array<Counter, hedge_result_count> hedges;
  Gauge retry_body;  // bytes of requests' content that are kept for retries
};

class UpstreamMetrics : public Sharded<UpstreamShard> {
 public:
  UpstreamMetrics(std::string upstream, unsigned slots)
      : Sharded(slots), upstream_(std::move(upstream)) {}
  const std::string& upstream() const noexcept { return upstream_; }

  SharedValue saturation;  // 0..1: pool and queue against their limits
  SharedValue unresolved;  // names without an address
  SharedValue panic;       // 0 or 1: health is ignored
  SharedValue endpoints;   // addresses
  // Of its names, by control::LookUpEnd; the main thread's.
  std::array<Counter, control::look_up_ends> look_ups;
  // The scrape that last set the gauges; 0: they are set without one. Main thread.
  std::uint64_t shown = 0;

  // Its circuit breaker, as each scrape finds it.
  struct Breaker {
    SharedValue active;                      // 0 or 1; 0: no series
    SharedValue state;                       // 0 closed, 1 half-open, 2 open
    std::array<SharedValue, 3> transitions;  // by the state they led to
  };
  Breaker breaker;

  // Its health checks and ejections, as each scrape finds them.
  struct Health {
    SharedValue checked;  // 0 or 1; 0: no series of checks
    SharedValue judged;   // the same of ejections
    SharedValue checks_passed;
    SharedValue checks_failed;
    std::array<SharedValue, 2> ejections;  // by their cause
  };
  Health health;

 private:
  std::string upstream_;
};

struct alignas(cache_line) EndpointShard {
  // Counts the end of a try; status 0 when no final head came (status_class "-").
  void count(TryResult result, int status) noexcept {
    const unsigned c = status >= 100 && status <= 599 ? static_cast<unsigned>(status) / 100 : 0;
    requests[static_cast<std::size_t>(result)][c].add();
  }

  std::array<std::array<Counter, 6>, try_result_count> requests;  // by class: none, 1xx ... 5xx
  Gauge idle;    // connections in this worker's pool
  Gauge active;  // connections that carry a request or a tunnel
};

class EndpointMetrics : public Sharded<EndpointShard> {
 public:
  EndpointMetrics(std::string upstream, std::string address, unsigned slots)
      : Sharded(slots), upstream_(std::move(upstream)), address_(std::move(address)) {}
  const std::string& upstream() const noexcept { return upstream_; }
  const std::string& address() const noexcept { return address_; }

  SharedValue healthy{1};   // 0 or 1
  std::uint64_t shown = 0;  // as for upstreams

 private:
  std::string upstream_;
  std::string address_;
};

}  // namespace weir::telemetry
