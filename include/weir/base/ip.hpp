// Addresses, networks and socket addresses as values. IPv4-mapped IPv6 addresses are kept as IPv4,
// so that one peer has one spelling. Any thread.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

class IpAddress {
 public:
  IpAddress() = default;  // no address: what a unix: peer has

  // Textual IPv4 (dotted quad) or IPv6 without zone or brackets.
  static std::optional<IpAddress> parse(std::string_view text) noexcept;
  static IpAddress v4(const std::array<std::uint8_t, 4>& bytes) noexcept;
  static IpAddress v6(const std::array<std::uint8_t, 16>& bytes) noexcept;

  bool valid() const noexcept { return family_ != 0; }
  bool is_v4() const noexcept { return family_ == 4; }
  bool is_v6() const noexcept { return family_ == 6; }
  bool is_loopback() const noexcept;
  bool is_unspecified() const noexcept;
  // Network order; an IPv4 address fills the first four.
  const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }
  // The address with all but its first `bits` cleared.
  IpAddress masked(int bits) const noexcept;

  // Writes the text, "unix" for no address, and returns its end. REQUIRES: room for longest_text.
  static constexpr std::size_t longest_text = 48;
  char* write_to(char* out) const noexcept;
  void append_to(std::string& out) const;
  std::string to_string() const;

  friend bool operator==(const IpAddress&, const IpAddress&) = default;

 private:
  std::uint8_t family_ = 0;
  std::array<std::uint8_t, 16> bytes_{};
};

class Cidr {
 public:
  // "10.0.0.0/8", "2001:db8::/32", or an address alone for just itself. Host bits must be clear.
  static std::optional<Cidr> parse(std::string_view text) noexcept;
  bool contains(const IpAddress& address) const noexcept;
  std::string to_string() const;
  friend bool operator==(const Cidr&, const Cidr&) = default;

 private:
  IpAddress network_;
  int bits_ = 0;
};

// IP and port, or the path of a unix socket.
class SocketAddress {
 public:
  SocketAddress() = default;
  SocketAddress(IpAddress ip, std::uint16_t port) noexcept : ip_(ip), port_(port) {}

  // "1.2.3.4:80", "[::1]:80", "unix:/run/x.sock".
  static std::optional<SocketAddress> parse(std::string_view text);
  static SocketAddress from(const sockaddr* address, socklen_t length);

  bool is_unix() const noexcept { return !path_.empty(); }
  const IpAddress& ip() const noexcept { return ip_; }
  std::uint16_t port() const noexcept { return port_; }
  const std::string& path() const noexcept { return path_; }

  int family() const noexcept;
  // Fills `storage`, returns the used length. REQUIRES: ip().valid() or is_unix().
  socklen_t to_sockaddr(sockaddr_storage& storage) const noexcept;
  // As parse() reads it; "unix:" for an unnamed peer.
  std::string to_string() const;

  friend bool operator==(const SocketAddress&, const SocketAddress&) = default;

 private:
  IpAddress ip_;
  std::uint16_t port_ = 0;
  std::string path_;
};

// "NAME:port", "IP:port" or "[v6]:port" taken apart; nothing if the port is absent or not 1..65535.
struct HostPort {
  std::string host;  // without brackets
  std::uint16_t port = 0;
};
std::optional<HostPort> split_host_port(std::string_view text);

// "localhost" and the names below it: this machine, also where no hosts file says so (RFC 6761
// section 6.3).
bool is_localhost(std::string_view host) noexcept;
// 127.0.0.1 and ::1.
std::array<IpAddress, 2> loopback_addresses() noexcept;

}  // namespace weir
