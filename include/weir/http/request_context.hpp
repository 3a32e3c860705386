// What an exchange's request is, and what it came to before a chain saw it. Written by the codec
// that reads the request and by the gateway (Exchange::fill_context), read by everybody. Texts live
// as long as the exchange's head, its snapshot or literals. Worker thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "weir/base/ip.hpp"
#include "weir/base/time.hpp"
#include "weir/http/connection_info.hpp"
#include "weir/http/route_facts.hpp"

namespace weir {

struct RequestContext {
  static constexpr std::size_t no_route = ~std::size_t{0};

  RequestContext(const ConnectionInfo& on, TimePoint first_byte) noexcept
      : connection(on), started(first_byte) {}

  const ConnectionInfo& connection;

  // --- by the codec
  TimePoint started;        // first byte of the request
  TimePoint head_received;  // its head was complete

  // --- by the gateway
  IpAddress client_ip;
  std::array<char, 36> request_id_text{};
  std::uint8_t request_id_length = 0;
  std::string_view request_id() const noexcept {
    return {request_id_text.data(), request_id_length};
  }
  std::string_view trace_id;                       // of a valid traceparent
  std::size_t route_index = no_route;              // in the configuration
  const RouteFacts* route = nullptr;               // null: none matched, or a tunnel has begun
  std::string_view route_name;                     // "" while there is none
  std::array<std::string_view, 16> path_params{};  // values in the order of the route's path
  std::string_view rest;                           // of the path after the route's prefix

  // The names of `path_params`.
  std::span<const std::string> path_param_names() const noexcept {
    return route == nullptr ? std::span<const std::string>() : route->path_params;
  }
};

}  // namespace weir
