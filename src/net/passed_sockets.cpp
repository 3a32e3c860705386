#include "weir/net/passed_sockets.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <utility>

namespace weir::net {
namespace {

constexpr int first_passed = 3;  // sd_listen_fds(3)
constexpr unsigned most_passed = 1024;

std::optional<unsigned> number(const char* text) {
  unsigned out = 0;
  const char* const end = text + std::strlen(text);
  const auto [at, error] = std::from_chars(text, end, out);
  if (error != std::errc{} || at != end) return std::nullopt;
  return out;
}

bool listens(int fd) {
  int type = 0;
  int accepting = 0;
  socklen_t length = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_STREAM) {
    return false;
  }
  length = sizeof accepting;
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &length) == 0 && accepting != 0;
}

std::string not_listening(int fd, const std::string& name) {
  return "descriptor " + std::to_string(fd) + (name.empty() ? "" : " (" + name + ")") +
         " was passed but is not a listening stream socket";
}

SocketAddress address_of(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return SocketAddress::from(reinterpret_cast<sockaddr*>(&storage), length);
}

// As an acceptor wants it; its address.
SocketAddress made_ready(int fd) {
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  SocketAddress address = address_of(fd);
  if (!address.is_unix()) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  }
  return address;
}

}  // namespace

PassedSockets::PassedSockets(PassedSockets&& other) noexcept
    : sockets_(std::exchange(other.sockets_, {})), handed_over_(other.handed_over_) {}

PassedSockets& PassedSockets::operator=(PassedSockets&& other) noexcept {
  std::swap(sockets_, other.sockets_);
  std::swap(handed_over_, other.handed_over_);
  return *this;
}

PassedSockets::~PassedSockets() {
  for (const Passed& socket : sockets_) ::close(socket.fd);
}

std::expected<PassedSockets, std::string> PassedSockets::from_environment() {
  const char* const process = std::getenv("LISTEN_PID");
  const char* const count = std::getenv("LISTEN_FDS");
  const char* const names = std::getenv("LISTEN_FDNAMES");
  if (process == nullptr || count == nullptr) return PassedSockets{};
  const auto meant = number(process);
  if (!meant)
    return std::unexpected("LISTEN_PID: '" + std::string(process) + "' is not a process id");
  // Inherited from a parent for whom they were.
  if (*meant != static_cast<unsigned>(::getpid())) return PassedSockets{};
  const auto sockets = number(count);
  if (!sockets || *sockets > most_passed) {
    return std::unexpected("LISTEN_FDS: '" + std::string(count) + "' is not a number of sockets");
  }
  return adopt(first_passed, *sockets, names == nullptr ? "" : names);
}

std::expected<PassedSockets, std::string> PassedSockets::adopt(int first, unsigned count,
                                                               std::string_view names) {
  PassedSockets out;
  for (unsigned i = 0; i < count; ++i) {
    const int fd = first + static_cast<int>(i);
    const std::size_t colon = std::min(names.find(':'), names.size());
    std::string name(names.substr(0, colon));
    names.remove_prefix(std::min(colon + 1, names.size()));
    if (!listens(fd)) return std::unexpected(not_listening(fd, name));
    SocketAddress address = made_ready(fd);
    out.sockets_.push_back({.fd = fd, .name = std::move(name), .address = std::move(address)});
  }
  return out;
}

std::expected<PassedSockets, std::string> PassedSockets::adopt_handed(
    int first, const std::vector<HandedAddress>& addresses) {
  PassedSockets out;
  out.handed_over_ = true;
  int fd = first;
  for (std::size_t group = 0; group < addresses.size(); ++group) {
    const HandedAddress& one = addresses[group];
    for (unsigned i = 0; i < one.count; ++i, ++fd) {
      if (one.kind != "stream") {
        ::close(fd);
        continue;
      }
      if (!listens(fd)) return std::unexpected(not_listening(fd, one.name));
      SocketAddress address = made_ready(fd);
      out.sockets_.push_back({.fd = fd,
                              .name = one.name,
                              .address = std::move(address),
                              .asked = one.asked,
                              .owner = one.owner,
                              .group = group});
    }
  }
  return out;
}

std::expected<std::vector<ListenSockets>, std::string> PassedSockets::take_named(
    std::string_view name, std::size_t most, std::size_t most_addresses) {
  std::vector<SocketAddress> addresses;
  for (const Passed& one : sockets_) {
    if (one.owner != HandedFor::manager || one.name != name) continue;
    if (std::ranges::find(addresses, one.address) != addresses.end()) continue;
    addresses.push_back(one.address);
  }
  if (addresses.size() > most_addresses) {
    return std::unexpected("the sockets passed under its name listen on several addresses");
  }
  std::vector<ListenSockets> out;
  for (const SocketAddress& address : addresses) {
    auto taken = take_if(
        [&](const Passed& one) {
          return one.owner == HandedFor::manager && one.name == name && one.address == address;
        },
        most);
    if (!taken) return std::unexpected(std::move(taken.error()));
    out.push_back(std::move(**taken));
  }
  return out;
}

std::expected<std::optional<ListenSockets>, std::string> PassedSockets::take_at(
    const SocketAddress& address, std::size_t most) {
  return take_if(
      [&](const Passed& one) { return one.owner == HandedFor::manager && one.address == address; },
      most);
}

std::optional<ListenSockets> PassedSockets::take_handed(HandedFor owner, std::string_view name,
                                                        std::string_view asked) {
  const bool any_port = asked.ends_with(":0") && !asked.starts_with("unix:");
  const auto found = std::ranges::find_if(sockets_, [&](const Passed& one) {
    return one.owner == owner && one.asked == asked && (!any_port || one.name == name);
  });
  if (found == sockets_.end()) return std::nullopt;
  const std::size_t group = found->group;
  SocketAddress address = found->address;
  std::vector<int> fds;
  std::erase_if(sockets_, [&](const Passed& one) {
    if (one.owner != owner || one.group != group) return false;
    fds.push_back(one.fd);
    return true;
  });
  return ListenSockets::handed(std::string(asked), std::move(address), std::move(fds));
}

// REQUIRES: those for which `meant` holds listen on one address.
std::expected<std::optional<ListenSockets>, std::string> PassedSockets::take_if(
    const std::function<bool(const Passed&)>& meant, std::size_t most) {
  // To the front, in the order in which they were passed.
  const auto rest = std::ranges::stable_partition(sockets_, meant);
  const auto taken = static_cast<std::size_t>(rest.begin() - sockets_.begin());
  if (taken == 0) return std::nullopt;
  if (taken > most) {
    return std::unexpected(std::to_string(taken) + " sockets were passed for " +
                           std::to_string(most) + " workers");
  }
  SocketAddress address = sockets_.front().address;
  std::vector<int> fds;
  for (auto at = sockets_.begin(); at != rest.begin(); ++at) fds.push_back(at->fd);
  sockets_.erase(sockets_.begin(), rest.begin());
  return ListenSockets::passed(std::move(address), std::move(fds));
}

bool PassedSockets::has_named(std::string_view name) const noexcept {
  return std::ranges::any_of(sockets_, [&](const Passed& one) {
    return one.owner == HandedFor::manager && one.name == name;
  });
}

std::vector<std::string> PassedSockets::left_files() const {
  std::vector<std::string> out;
  for (const Passed& one : sockets_) {
    if (one.owner != HandedFor::manager && one.address.is_unix()) out.push_back(one.address.path());
  }
  return out;
}

std::vector<std::string> PassedSockets::left() const {
  std::vector<std::string> out;
  for (const Passed& one : sockets_) {
    out.push_back((one.name.empty() ? "unnamed" : one.name) + " (" + one.address.to_string() + ")");
  }
  return out;
}

}  // namespace weir::net
