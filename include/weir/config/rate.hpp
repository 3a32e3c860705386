// How much may come in which time, as it is written: 50/s.
#pragma once

#include <cstdint>
#include <string>

#include "weir/base/time.hpp"

namespace weir::config {

struct Rate {
  std::uint64_t tokens = 0;  // 0: none was written
  Duration period = std::chrono::seconds(1);
  friend bool operator==(const Rate&, const Rate&) = default;
};

std::string to_text(const Rate& rate);  // "50/s"

}  // namespace weir::config
