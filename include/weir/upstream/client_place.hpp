// What a lease holds for its client among the upstream's permits.
#pragma once

#include <cstdint>
#include <utility>

#include "weir/base/ip.hpp"

namespace weir::upstream {

class ClientShares;

// Where a client is counted roughly; none by default.
struct ClientCells {
  std::uint8_t first = 0;
  std::uint8_t second = 0;
  bool counted = false;
};

// One of the places that a client may have under `pool.client_share`, from its taking to its end.
// Move-only; empty where nothing limits the client.
class ClientPlace {
 public:
  ClientPlace() = default;
  ClientPlace(ClientShares& shares, const IpAddress& client) noexcept
      : shares_(&shares), client_(client) {}
  ClientPlace(ClientPlace&& other) noexcept : shares_(other.shares_), client_(other.client_) {
    other.shares_ = nullptr;
  }
  ClientPlace& operator=(ClientPlace&& other) noexcept {
    if (this == &other) return *this;
    end();
    shares_ = std::exchange(other.shares_, nullptr);
    client_ = other.client_;
    return *this;
  }
  ~ClientPlace() { end(); }

  explicit operator bool() const noexcept { return shares_ != nullptr; }
  void end() noexcept {
    if (shares_ != nullptr) leave();
  }

 private:
  void leave() noexcept;

  ClientShares* shares_ = nullptr;
  IpAddress client_;
};

}  // namespace weir::upstream
