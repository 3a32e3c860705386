// Plain sockets on 127.0.0.1 for the far side of a test; every call is bounded.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

#include "weir/base/ip.hpp"

namespace weir::net {

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    close();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ~Socket() { close(); }

  explicit operator bool() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void reset() {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  bool send(std::string_view text) const {
    return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  // What comes within five seconds, "" for the end.
  std::string receive() const {
    pollfd at{fd_, POLLIN, 0};
    if (::poll(&at, 1, 5000) != 1) return "(nothing came)";
    char bytes[4096];
    const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
    return got > 0 ? std::string(bytes, static_cast<std::size_t>(got)) : std::string();
  }

 private:
  int fd_ = -1;
};

// Two ends that are connected, non-blocking.
inline std::pair<Socket, Socket> socket_pair() {
  int fds[2] = {-1, -1};
  [[maybe_unused]] const int made =
      ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);
  return {Socket(fds[0]), Socket(fds[1])};
}

// A listening socket on a port of its own; the kernel completes connects by itself.
class Origin {
 public:
  explicit Origin(int backlog = 128) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(socket_.fd(), reinterpret_cast<sockaddr*>(&address), size);
    ::listen(socket_.fd(), backlog);
    ::getsockname(socket_.fd(), reinterpret_cast<sockaddr*>(&address), &size);
    address_ = SocketAddress::from(reinterpret_cast<sockaddr*>(&address), size);
  }
  const SocketAddress& address() const { return address_; }
  std::string text() const { return address_.to_string(); }
  // The next connection, within five seconds.
  Socket accept() const {
    pollfd at{socket_.fd(), POLLIN, 0};
    if (::poll(&at, 1, 5000) != 1) return Socket();
    return Socket(::accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  // Whether a connection waits to be accepted.
  bool has_guest() const {
    pollfd at{socket_.fd(), POLLIN, 0};
    return ::poll(&at, 1, 0) == 1;
  }
  void close() { socket_.close(); }

 private:
  Socket socket_;
  SocketAddress address_;
};

}  // namespace weir::net
