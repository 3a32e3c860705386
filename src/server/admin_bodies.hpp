// What the bodies of admin requests ask for: JSON objects read strictly, no name twice. Pure; the
// words of a failure are for the operator (422).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "weir/config/model.hpp"
#include "weir/control/circuit_breaker.hpp"
#include "weir/control/split_override.hpp"
#include "weir/server/explain.hpp"
#include "weir/telemetry/log.hpp"
#include "weir/upstream/endpoint.hpp"

namespace weir::server {

template <class T>
using Asked = std::expected<T, std::string>;

// At least one of the two.
struct EndpointChange {
  std::optional<upstream::EndpointState> state;
  std::optional<std::uint32_t> weight;
};

struct LogLevelChange {
  telemetry::log::Level level = telemetry::log::Level::info;
  std::optional<debug_log::Component> component;  // none: all diagnostics
  std::optional<Duration> time;  // then the level before is back; above 0, at most 24 hours
};

Asked<ExplainRequest> parse_explain(std::string_view body);
// The weights in the order of `split`: 0 for an upstream that is not named, their sum above 0.
Asked<control::SplitWeights> parse_split(std::string_view body, const config::Split& split);
Asked<EndpointChange> parse_endpoint_change(std::string_view body);
Asked<control::BreakerForce> parse_breaker_force(std::string_view body);
Asked<LogLevelChange> parse_log_level(std::string_view body);
// The generation of {"generation": 7}.
Asked<std::uint64_t> parse_roll_back(std::string_view body);

std::string_view name(upstream::EndpointState state) noexcept;

}  // namespace weir::server
