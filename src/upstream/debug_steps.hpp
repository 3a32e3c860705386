// What the debug log tells of connections to upstreams; each asks first whether anybody listens.
// Worker thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "weir/base/result.hpp"
#include "weir/base/time.hpp"
#include "weir/net/stream.hpp"
#include "weir/upstream/endpoint.hpp"

namespace weir::upstream {

void tell_connecting(std::string_view upstream, const Endpoint& endpoint) noexcept;
void tell_connected(std::string_view upstream, const Endpoint& endpoint, net::Stream& stream,
                    Duration took) noexcept;
void tell_connect_failed(std::string_view upstream, const Endpoint& endpoint,
                         const Error& error) noexcept;
// A connection carries no further request.
void tell_retired(std::uint64_t connection, std::string_view why) noexcept;

}  // namespace weir::upstream
