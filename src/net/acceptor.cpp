#include "weir/net/acceptor.hpp"

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "net/handshakes_begun.hpp"

namespace weir::net {
namespace {

// How long to leave the queue alone when accepting failed, as with no descriptor left.
constexpr Duration after_failure = std::chrono::milliseconds(50);
// How long a listener that closes waits for handshakes that have begun, and how often it looks.
// Shorter than a second, after which clients send a dropped SYN again.
constexpr Duration handshake_time = std::chrono::milliseconds(500);
constexpr Duration between_looks = std::chrono::milliseconds(10);

// The kernel resets whoever it lets in between the last accept() and close(). So a unix: socket
// refuses newcomers first; false: it is none.
bool refuses_newcomers(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
         ::shutdown(fd, SHUT_RD) == 0;
}

// And TCP drops each SYN from now on, as if it were lost: the next finds another listener, or is
// refused. Handshakes that have begun go on.
bool drop_newcomers(int fd) {
  constexpr std::uint32_t flags_at = 13, syn = 0x02, ack = 0x10;
  std::array<sock_filter, 5> code{{
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, flags_at),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, syn | ack),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, syn, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
  }};
  const sock_fprog program{code.size(), code.data()};
  return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

// A socket file that refuses connections was left by a process that is gone.
void remove_stale(const SocketAddress& address) {
  struct stat status{};
  if (::lstat(address.path().c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_storage storage;
  const socklen_t length = address.to_sockaddr(storage);
  const bool refused =
      ::connect(probe, reinterpret_cast<sockaddr*>(&storage), length) != 0 && errno == ECONNREFUSED;
  ::close(probe);
  if (refused) ::unlink(address.path().c_str());
}

// SO_REUSEPORT would let a second process share the port unnoticed: without it the bind fails.
bool in_use(const SocketAddress& address) {
  if (address.port() == 0) return false;
  const int probe = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.family() == AF_INET6) ::setsockopt(probe, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  sockaddr_storage storage;
  const socklen_t length = address.to_sockaddr(storage);
  const bool taken =
      ::bind(probe, reinterpret_cast<sockaddr*>(&storage), length) != 0 && errno == EADDRINUSE;
  ::close(probe);
  return taken;
}

std::string failure(const char* call) { return std::string(call) + ": " + std::strerror(errno); }

}  // namespace

std::expected<ListenSockets, std::string> ListenSockets::open(const SocketAddress& address,
                                                              unsigned count) {
  ListenSockets out;
  out.address_ = address;
  const bool unix_socket = address.is_unix();
  if (unix_socket) remove_stale(address);
  if (!unix_socket && in_use(address)) return std::unexpected("address already in use");
  for (unsigned i = 0; i < (unix_socket ? 1 : count); ++i) {
    const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return std::unexpected(failure("socket"));
    out.fds_.push_back(fd);
    const int on = 1;
    if (!unix_socket) {
      ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
      // [::] means IPv6 alone, so that 0.0.0.0 may stand beside it.
      if (address.family() == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    sockaddr_storage storage;
    socklen_t length = out.address_.to_sockaddr(storage);
    if (::bind(fd, reinterpret_cast<sockaddr*>(&storage), length) != 0) {
      return std::unexpected(failure("bind"));
    }
    if (::listen(fd, listen_backlog) != 0) return std::unexpected(failure("listen"));
    if (!unix_socket && out.address_.port() == 0) {
      length = sizeof storage;
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length);
      out.address_ = SocketAddress::from(reinterpret_cast<sockaddr*>(&storage), length);
    }
  }
  return out;
}

ListenSockets ListenSockets::passed(SocketAddress address, std::vector<int> fds) {
  ListenSockets out;
  out.address_ = std::move(address);
  out.fds_ = std::move(fds);
  out.passed_ = true;
  return out;
}

ListenSockets::ListenSockets(ListenSockets&& other) noexcept
    : address_(std::move(other.address_)),
      fds_(std::exchange(other.fds_, {})),
      passed_(other.passed_) {}

ListenSockets& ListenSockets::operator=(ListenSockets&& other) noexcept {
  std::swap(address_, other.address_);
  std::swap(fds_, other.fds_);
  std::swap(passed_, other.passed_);
  return *this;
}

ListenSockets::~ListenSockets() {
  for (const int fd : fds_) {
    if (fd >= 0) ::close(fd);
  }
}

int ListenSockets::take(std::size_t index) noexcept { return std::exchange(fds_[index], -1); }

Acceptor::Acceptor(Loop& loop, int listen_fd, Sink sink, bool shared)
    : loop_(loop), fd_(listen_fd), sink_(std::move(sink)), shared_(shared) {
  loop_.reactor().add(fd_, *this);
}

Acceptor::~Acceptor() {
  if (fd_ < 0) return;
  loop_.reactor().forget(*this);
  ::close(fd_);
}

void Acceptor::close(std::function<void()> closed) {
  closed_ = std::move(closed);
  const bool waits = !shared_ && !refuses_newcomers(fd_) && drop_newcomers(fd_);
  close_by_ = waits ? loop_.now() + handshake_time : loop_.now();
  expire(loop_.now());
}

bool Acceptor::handshakes_under_way() const {
  sockaddr_storage storage;
  socklen_t length = sizeof storage;
  if (::getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return false;
  const SocketAddress address = SocketAddress::from(reinterpret_cast<sockaddr*>(&storage), length);
  return handshakes_begun(address.family(), address.port()).value_or(true);
}

void Acceptor::end() {
  loop_.reactor().forget(*this);
  unschedule();
  ::close(std::exchange(fd_, -1));
  std::exchange(closed_, nullptr)();
}

void Acceptor::on_ready(std::uint8_t) noexcept { accept_all(); }

void Acceptor::expire(TimePoint now) noexcept {
  // Asked before the last accept(): who completes the handshake in between is in the queue.
  const bool waits = closed_ && now < close_by_ && handshakes_under_way();
  accept_all();
  if (waits) {
    loop_.wheel().schedule(*this, now + between_looks);
  } else if (closed_) {
    end();
  }
}

void Acceptor::accept_all() {
  while (true) {
    sockaddr_storage storage;
    socklen_t length = sizeof storage;
    const int fd = ::accept4(fd_, reinterpret_cast<sockaddr*>(&storage), &length,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      sink_(fd, SocketAddress::from(reinterpret_cast<sockaddr*>(&storage), length));
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    // No descriptor left, or an error of the connection itself (accept(2)): the edge is used up and
    // others may still queue.
    loop_.wheel().schedule(*this, loop_.now() + after_failure);
    return;
  }
}

}  // namespace weir::net
