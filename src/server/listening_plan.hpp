// A change of the listeners whose sockets are bound, and which is not in force yet.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "server/listening.hpp"

namespace weir::server {

using BoundAddresses = std::vector<std::shared_ptr<BoundAddress>>;

inline bool contains(const BoundAddresses& addresses, const BoundAddress& one) {
  return std::ranges::any_of(addresses, [&](const auto& each) { return each.get() == &one; });
}

// The file of a unix: socket that this process has made.
void remove_file(const BoundAddress& address);

class Listening::Plan {
 public:
  Plan() = default;
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan() {
    for (const auto& address : opened) remove_file(*address);
  }

  std::vector<config::Listener> next;
  std::vector<BoundListener> bound;  // in that order; an edition only where it stays as it is
  BoundAddresses opened;             // of these the new ones; none once it is in force
  ListenerChanges changes;

  bool has(const BoundAddress& address) const {
    return std::ranges::any_of(
        bound, [&](const BoundListener& each) { return contains(each.addresses, address); });
  }
};

}  // namespace weir::server
