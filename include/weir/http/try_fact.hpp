// What the access log tells of one try of a request at an upstream.
#pragma once

#include <cstddef>
#include <string_view>

#include "weir/base/time.hpp"

namespace weir {

struct TryFact {
  std::string_view endpoint;  // address; lives as long as the exchange
  std::string_view result;    // a literal: the label of weir_upstream_requests_total
  Duration took{};
};

// Of an exchange with more tries the first ones are told, and the last.
inline constexpr std::size_t most_tries_told = 8;

}  // namespace weir
