// routes[].hedge as a plain struct; each initialiser is the default. Built by the loader, then
// const.
#pragma once

#include <cstdint>

#include "weir/base/time.hpp"

namespace weir::config {

// When a hedge starts: after a time, or when the head has taken longer than that share of the
// upstream's heads did.
enum class HedgeAfter : std::uint8_t { time, p50, p90, p95, p99 };

struct Hedge {
  HedgeAfter after = HedgeAfter::p95;
  Duration time{};         // with HedgeAfter::time
  std::uint32_t most = 1;  // of a request
};

}  // namespace weir::config
