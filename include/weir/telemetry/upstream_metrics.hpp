// What is counted per upstream and per endpoint. Found by name and address through Metrics, kept by
// whoever counts there; each worker writes its own shard.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "weir/base/priority.hpp"
#include "weir/base/reason.hpp"
#include "weir/control/name_schedule.hpp"
#include "weir/telemetry/cells.hpp"
#include "weir/telemetry/sharded.hpp"

namespace weir::telemetry {

// What became of a retry, or of the wish for one.
enum class RetryResult : std::uint8_t { success, failure, budget, not_replayable };
inline constexpr std::size_t retry_result_count = 4;

// What became of an answer's word on its endpoint's load.
enum class LoadReportResult : std::uint8_t { used, incomplete, malformed, binary };
inline constexpr std::size_t load_report_result_count = 4;
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
  std::array<Counter, load_report_result_count> load_reports;
};

class UpstreamMetrics : public Sharded<UpstreamShard> {
 public:
  UpstreamMetrics(std::string upstream, unsigned slots)
      : Sharded(slots), upstream_(std::move(upstream)) {}
  const std::string& upstream() const noexcept { return upstream_; }

  SharedValue saturation;                 // 0..1: pool and queue against their limits
  SharedValue unresolved;                 // names without an address
  SharedValue panic;                      // 0 or 1: health is ignored
  SharedValue endpoints;                  // addresses
  SharedValue endpoints_from_failed{-1};  // 0 or 1: its file could not be taken; -1: it has none
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

  // What its circuit breaker sheds, as each scrape finds it.
  struct Shed {
    SharedValue on;      // 0 or 1; 0: no series
    SharedValue active;  // 0 or 1
    // By priority (critical never is) and by cause: rate, p95.
    std::array<std::array<SharedValue, 2>, priority_count - 1> refused;
  };
  Shed shed;

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

// Of a zone of an upstream; made where some endpoint of the upstream has one.
struct alignas(cache_line) ZoneShard {
  Counter requests;  // tries that were begun at its endpoints
};

class ZoneMetrics : public Sharded<ZoneShard> {
 public:
  ZoneMetrics(std::string upstream, std::string zone, unsigned slots)
      : Sharded(slots), upstream_(std::move(upstream)), zone_(std::move(zone)) {}
  const std::string& upstream() const noexcept { return upstream_; }
  const std::string& zone() const noexcept { return zone_; }

 private:
  std::string upstream_;
  std::string zone_;
};

class EndpointMetrics : public Sharded<EndpointShard> {
 public:
  EndpointMetrics(std::string upstream, std::string address, unsigned slots)
      : Sharded(slots), upstream_(std::move(upstream)), address_(std::move(address)) {}
  const std::string& upstream() const noexcept { return upstream_; }
  const std::string& address() const noexcept { return address_; }

  SharedValue healthy{1};         // 0 or 1
  SharedValue weight;             // in force; 0: no requests go there
  SharedValue concurrency_limit;  // of `concurrency`; 0: it is off
  std::uint64_t shown = 0;        // as for upstreams

 private:
  std::string upstream_;
  std::string address_;
};

}  // namespace weir::telemetry
