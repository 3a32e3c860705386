// upstreams.NAME.circuit_breaker as a plain struct; each initialiser is the default. Built by the
// loader, then const.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "weir/base/time.hpp"
#include "weir/config/place.hpp"
#include "weir/config/rate.hpp"

namespace weir::config {

// What counts as a failure of the upstream.
struct BreakerFailures {
  bool connect = true;
  bool reset = true;
  bool timeout = true;
  bool server_errors = true;            // 5xx
  std::vector<std::uint16_t> statuses;  // single ones of 500 to 599
  std::vector<std::uint8_t> grpc;       // codes of gRPC, 1 to 16
};

// Time, or a number of calls.
struct BreakerWindow {
  Duration time = 10s;      // with calls 0
  std::uint32_t calls = 0;  // the last so many
};

// Past either limit a share of the calls is refused.
struct BreakerShed {
  Rate rate;             // of calls; 0 tokens: not looked at
  Duration p95 = 200ms;  // until the head; 0: not looked at
  double share = 0.15;   // above 0
};

struct CircuitBreaker {
  BreakerFailures failures;
  double failure_rate = 0.5;  // share, above 0
  Duration slow_call = 1s;
  double slow_call_rate = 1.0;  // share, above 0
  BreakerWindow window;
  std::uint32_t minimum_calls = 20;
  Duration open_for = 10s;
  std::uint32_t half_open_calls = 10;
  std::optional<BreakerShed> shed;
};

}  // namespace weir::config
