#include "weir/base/ip.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "weir/base/text.hpp"

namespace weir {
namespace {

constexpr std::array<std::uint8_t, 12> v4_mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

// A number below 256 with a dot behind it.
struct Octet {
  std::array<char, 4> text{};
  std::uint8_t size = 0;
};
constexpr std::array<Octet, 256> octets = [] {
  std::array<Octet, 256> all{};
  for (unsigned value = 0; value < 256; ++value) {
    Octet& octet = all[value];
    if (value >= 100) octet.text[octet.size++] = static_cast<char>('0' + value / 100);
    if (value >= 10) octet.text[octet.size++] = static_cast<char>('0' + value / 10 % 10);
    octet.text[octet.size++] = static_cast<char>('0' + value % 10);
    octet.text[octet.size++] = '.';
  }
  return all;
}();

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
  if (text.size() > 5) return std::nullopt;
  const auto value = parse_decimal(text);
  if (!value || *value > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*value);
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) noexcept {
  char copy[INET6_ADDRSTRLEN + 1];
  if (text.empty() || text.size() >= sizeof copy) return std::nullopt;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  std::array<std::uint8_t, 4> four{};
  if (inet_pton(AF_INET, copy, four.data()) == 1) return v4(four);
  std::array<std::uint8_t, 16> sixteen{};
  if (inet_pton(AF_INET6, copy, sixteen.data()) == 1) return v6(sixteen);
  return std::nullopt;
}

IpAddress IpAddress::v4(const std::array<std::uint8_t, 4>& bytes) noexcept {
  IpAddress address;
  address.family_ = 4;
  std::ranges::copy(bytes, address.bytes_.begin());
  return address;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& bytes) noexcept {
  if (std::equal(v4_mapped_prefix.begin(), v4_mapped_prefix.end(), bytes.begin())) {
    return v4({bytes[12], bytes[13], bytes[14], bytes[15]});
  }
  IpAddress address;
  address.family_ = 6;
  address.bytes_ = bytes;
  return address;
}

bool IpAddress::is_loopback() const noexcept {
  if (is_v4()) return bytes_[0] == 127;
  return is_v6() && bytes_[15] == 1 &&
         std::all_of(bytes_.begin(), bytes_.end() - 1, [](std::uint8_t b) { return b == 0; });
}

bool IpAddress::is_unspecified() const noexcept {
  return valid() && std::ranges::all_of(bytes_, [](std::uint8_t b) { return b == 0; });
}

IpAddress IpAddress::masked(int bits) const noexcept {
  IpAddress out = *this;
  for (int i = 0; i < 16; ++i) {
    const int keep = std::clamp(bits - i * 8, 0, 8);
    out.bytes_[static_cast<std::size_t>(i)] &= static_cast<std::uint8_t>(0xFF00 >> keep);
  }
  return out;
}

char* IpAddress::write_to(char* out) const noexcept {
  if (is_v4()) {
    // By hand: it stands in several fields of every request. An octet may overwrite what follows.
    const auto put = [&out](std::uint8_t byte) {
      const Octet& octet = octets[byte];
      std::memcpy(out, octet.text.data(), octet.text.size());
      out += octet.size;
    };
    put(bytes_[0]);
    put(bytes_[1]);
    put(bytes_[2]);
    put(bytes_[3]);
    return out - 1;
  }
  if (!valid()) {
    std::memcpy(out, "unix", 4);
    return out + 4;
  }
  static_assert(longest_text >= INET6_ADDRSTRLEN);
  inet_ntop(AF_INET6, bytes_.data(), out, longest_text);
  return out + std::strlen(out);
}

void IpAddress::append_to(std::string& out) const {
  char text[longest_text];
  out.append(text, static_cast<std::size_t>(write_to(text) - text));
}

std::string IpAddress::to_string() const {
  std::string out;
  append_to(out);
  return out;
}

std::optional<Cidr> Cidr::parse(std::string_view text) noexcept {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const int longest = address->is_v4() ? 32 : 128;
  Cidr cidr;
  cidr.network_ = *address;
  cidr.bits_ = longest;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto bits = parse_decimal(digits);
    if (!bits || digits.size() > 3 || *bits > static_cast<std::uint64_t>(longest))
      return std::nullopt;
    cidr.bits_ = static_cast<int>(*bits);
  }
  if (cidr.network_.masked(cidr.bits_) != cidr.network_) return std::nullopt;
  return cidr;
}

bool Cidr::contains(const IpAddress& address) const noexcept {
  return address.valid() && address.is_v4() == network_.is_v4() &&
         address.masked(bits_) == network_;
}

std::string Cidr::to_string() const { return network_.to_string() + "/" + std::to_string(bits_); }

std::optional<SocketAddress> SocketAddress::parse(std::string_view text) {
  if (text.starts_with("unix:")) {
    SocketAddress address;
    address.path_ = text.substr(5);
    if (address.path_.empty() || address.path_.size() >= sizeof(sockaddr_un::sun_path)) {
      return std::nullopt;
    }
    return address;
  }
  std::string_view host;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find("]:");
    if (close == std::string_view::npos) return std::nullopt;
    host = text.substr(1, close - 1);
    port = text.substr(close + 2);
    if (host.find(':') == std::string_view::npos) return std::nullopt;
  } else {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  const auto ip = IpAddress::parse(host);
  const auto number = parse_port(port);
  if (!ip || !number) return std::nullopt;
  return SocketAddress(*ip, *number);
}

SocketAddress SocketAddress::from(const sockaddr* address, socklen_t length) {
  SocketAddress out;
  if (address->sa_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, address, sizeof in);
    std::array<std::uint8_t, 4> bytes;
    std::memcpy(bytes.data(), &in.sin_addr, 4);
    out.ip_ = IpAddress::v4(bytes);
    out.port_ = ntohs(in.sin_port);
  } else if (address->sa_family == AF_INET6) {
    sockaddr_in6 in;
    std::memcpy(&in, address, sizeof in);
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), &in.sin6_addr, 16);
    out.ip_ = IpAddress::v6(bytes);
    out.port_ = ntohs(in.sin6_port);
  } else if (address->sa_family == AF_UNIX && length > offsetof(sockaddr_un, sun_path)) {
    const char* path = reinterpret_cast<const sockaddr_un*>(address)->sun_path;
    out.path_.assign(path, strnlen(path, length - offsetof(sockaddr_un, sun_path)));
  }
  return out;
}

int SocketAddress::family() const noexcept {
  if (is_unix() || !ip_.valid()) return AF_UNIX;
  return ip_.is_v4() ? AF_INET : AF_INET6;
}

socklen_t SocketAddress::to_sockaddr(sockaddr_storage& storage) const noexcept {
  std::memset(&storage, 0, sizeof storage);
  if (family() == AF_UNIX) {
    auto& un = reinterpret_cast<sockaddr_un&>(storage);
    un.sun_family = AF_UNIX;
    std::memcpy(un.sun_path, path_.data(), std::min(path_.size(), sizeof un.sun_path - 1));
    return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path_.size() + 1);
  }
  if (ip_.is_v4()) {
    auto& in = reinterpret_cast<sockaddr_in&>(storage);
    in.sin_family = AF_INET;
    in.sin_port = htons(port_);
    std::memcpy(&in.sin_addr, ip_.bytes().data(), 4);
    return sizeof in;
  }
  auto& in = reinterpret_cast<sockaddr_in6&>(storage);
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port_);
  std::memcpy(&in.sin6_addr, ip_.bytes().data(), 16);
  return sizeof in;
}

std::string SocketAddress::to_string() const {
  if (family() == AF_UNIX) return "unix:" + path_;
  const std::string ip = ip_.to_string();
  return (ip_.is_v6() ? "[" + ip + "]" : ip) + ":" + std::to_string(port_);
}

std::optional<HostPort> split_host_port(std::string_view text) {
  HostPort out;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find("]:");
    if (close == std::string_view::npos) return std::nullopt;
    out.host = text.substr(1, close - 1);
    port = text.substr(close + 2);
  } else {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0) return std::nullopt;
    out.host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  const auto number = parse_port(port);
  if (!number || *number == 0 || out.host.empty()) return std::nullopt;
  out.port = *number;
  return out;
}

bool is_localhost(std::string_view host) noexcept {
  constexpr std::string_view name = "localhost";
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.size() < name.size() || !iequals(host.substr(host.size() - name.size()), name)) {
    return false;
  }
  host.remove_suffix(name.size());
  return host.empty() || (host.size() > 1 && host.ends_with('.'));
}

std::array<IpAddress, 2> loopback_addresses() noexcept {
  std::array<std::uint8_t, 16> v6{};
  v6.back() = 1;
  return {IpAddress::v4({127, 0, 0, 1}), IpAddress::v6(v6)};
}

}  // namespace weir
