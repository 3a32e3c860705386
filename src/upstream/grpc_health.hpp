// The messages of grpc.health.v1.Health/Check, as gRPC frames them. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::upstream::grpc_health {

inline constexpr std::string_view path = "/grpc.health.v1.Health/Check";
inline constexpr std::uint64_t serving = 1;

// A HealthCheckRequest for `service`; "" is the server as a whole.
std::string request(std::string_view service);
// The status of a HealthCheckResponse; nothing for what is none.
std::optional<std::uint64_t> status_of(std::string_view framed);
// "NOT_SERVING" and the like.
std::string_view name_of(std::uint64_t status) noexcept;

}  // namespace weir::upstream::grpc_health
