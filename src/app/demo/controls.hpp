// What the demo's keys do to the gateway and its backends, and what there is to see of it. Made on
// the main thread; then any one thread. REQUIRES: gateway and backends outlive it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "app/demo/handler.hpp"
#include "weir/control/circuit_breaker.hpp"
#include "weir/control/split_override.hpp"
#include "weir/server/process.hpp"
#include "weir/upstream/cluster.hpp"

namespace weir::app {

class DemoControls {
 public:
  // `v2`: the backend that breaks.
  DemoControls(server::Process& process, DemoHandler& v2);

  // Breaks v2, or mends it; whether it fails now.
  bool toggle_v2() noexcept;
  bool v2_fails() const noexcept { return v2_.is_failing(); }

  // Gives v2 more of the split: 10, 50, 90, 100 % and from the beginning. The weights in force.
  std::array<std::uint32_t, 2> move_canary();
  std::array<std::uint32_t, 2> weights() const;

  control::BreakerView v2_breaker() const;

 private:
  control::SplitOverrides& splits_;
  DemoHandler& v2_;
  const std::shared_ptr<upstream::Cluster> cluster_;  // of v2
};

}  // namespace weir::app
