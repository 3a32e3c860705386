// A condition on a field or a query parameter. Plain values.
#pragma once

#include <cstdint>
#include <string>

#include "weir/config/place.hpp"

namespace weir::config {

struct ValueMatch {
  enum class Kind : std::uint8_t { equals, regex, present, absent };
  std::string name;
  Kind kind = Kind::equals;
  std::string value;  // the text or the expression
  Place place;        // of the text or the expression
};

}  // namespace weir::config
