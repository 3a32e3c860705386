// A route's last handler when it goes to an upstream: which upstream of the split, the request as
// the upstream shall see it, tries, the answer as the client shall see it. One a route of a
// snapshot, shared by all workers; what changes is kept per worker.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "weir/config/model.hpp"
#include "weir/control/split_override.hpp"
#include "weir/http/handler.hpp"
#include "weir/telemetry/metrics.hpp"
#include "weir/upstream/cluster.hpp"

namespace weir::proxy {

struct ForwardTarget {
  std::uint32_t weight = 1;
  std::shared_ptr<upstream::Cluster> cluster;
  std::size_t response_header_size = 64 * 1024;  // bytes
  std::optional<config::Key> key{};              // by which its endpoints are chosen, if they are
  std::optional<config::Key> fair{};             // by which those who wait take turns, if they do
};

// The file's weights of a split, in its order.
control::SplitWeights configured_weights(const config::Split& split);

// `route`, `server` and `gateway_fields` (names that no client may send, behind its content as
// little as before it) belong to the snapshot and outlive the handler. `fallback`: the upstream
// that `route.fallback` names, if it names one.
std::unique_ptr<Handler> make_forwarder(const config::Route& route, const config::Server& server,
                                        std::vector<ForwardTarget> targets,
                                        std::optional<ForwardTarget> fallback, unsigned workers,
                                        telemetry::Metrics& metrics,
                                        const control::SplitOverrides& overrides,
                                        std::span<const std::string> gateway_fields);

}  // namespace weir::proxy
