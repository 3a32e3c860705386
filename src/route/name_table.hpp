// From the names of hosts to what the index knows of each. Filled while a route table is compiled,
// then const: any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::route {

class NameTable {
 public:
  static constexpr std::uint32_t absent = 0xFFFFFFFF;

  // The value of a name, `value` if it is new.
  std::uint32_t insert(std::string_view name, std::uint32_t value);
  // The value of a name, or `absent`.
  std::uint32_t find(std::string_view name) const noexcept;

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t value = absent;
    std::uint32_t at = 0;  // of the name in the pool
    std::uint32_t size = 0;
  };

  void grow();

  std::vector<Slot> slots_;  // a power of two, at most half full; or none
  std::size_t used_ = 0;
  std::string pool_;
};

}  // namespace weir::route
