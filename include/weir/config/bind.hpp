// Where a listener is bound: one address or several. Plain values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/ip.hpp"

namespace weir::config {

struct BindAddress {
  SocketAddress address;
  // "*:PORT", whose address is [::]: IPv6 and IPv4.
  bool both_families = false;

  // "1.2.3.4:80", "[::1]:80" (IPv6 alone), "*:80", "unix:PATH".
  static std::optional<BindAddress> parse(std::string_view text);
  std::string to_string() const;
  friend bool operator==(const BindAddress&, const BindAddress&) = default;
};

class Bind {
 public:
  Bind() = default;
  Bind(SocketAddress one) : addresses_{BindAddress{std::move(one), false}} {}
  explicit Bind(std::vector<BindAddress> addresses) : addresses_(std::move(addresses)) {}

  // In the order in which they were written.
  const std::vector<BindAddress>& addresses() const noexcept { return addresses_; }
  // All of them are unix: sockets.
  bool is_unix() const noexcept;
  // Divided by ", ".
  std::string to_string() const;
  friend bool operator==(const Bind&, const Bind&) = default;

 private:
  std::vector<BindAddress> addresses_;
};

}  // namespace weir::config
