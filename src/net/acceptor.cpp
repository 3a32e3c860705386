#include "weir/net/acceptor.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#include "net/handshakes_begun.hpp"

namespace weir::net {
namespace {

// How long to leave the queue alone when accepting failed, as with no descriptor left.
constexpr Duration after_failure = std::chrono::milliseconds(50);
// How long a listener that closes waits for handshakes that have begun. Shorter than a second,
// after which clients send a dropped SYN again.
constexpr Duration handshake_time = std::chrono::milliseconds(500);
// It looks whether there are any, again after this time, and then after twice the last time: each
// look is a pass over the kernel's table of connections.
constexpr Duration first_pause = std::chrono::milliseconds(10);

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

enum class SocketFile : std::uint8_t { none, stale, served };

// A socket file that refuses connections was left by a process that is gone.
SocketFile socket_file(const SocketAddress& address) {
  struct stat status{};
  if (::lstat(address.path().c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) {
    return SocketFile::none;
  }
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_storage storage;
  const socklen_t length = address.to_sockaddr(storage);
  const bool refused =
      ::connect(probe, reinterpret_cast<sockaddr*>(&storage), length) != 0 && errno == ECONNREFUSED;
  ::close(probe);
  return refused ? SocketFile::stale : SocketFile::served;
}

// [::] means IPv6 alone, so that 0.0.0.0 may stand beside it, unless both are wanted.
void set_families(int fd, const SocketAddress& address, bool both) {
  if (address.family() != AF_INET6) return;
  const int alone = both ? 0 : 1;
  ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &alone, sizeof alone);
}

// SO_REUSEPORT would let a second process share the port unnoticed: without it the bind fails.
bool in_use(const SocketAddress& address, bool both) {
  if (address.port() == 0) return false;
  const int probe = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  set_families(probe, address, both);
  sockaddr_storage storage;
  const socklen_t length = address.to_sockaddr(storage);
  const bool taken =
      ::bind(probe, reinterpret_cast<sockaddr*>(&storage), length) != 0 && errno == EADDRINUSE;
  ::close(probe);
  return taken;
}

// The kernel was built or booted without it.
bool has_ipv6() {
  const int probe = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return errno != EAFNOSUPPORT;
  ::close(probe);
  return true;
}

std::string failure(const char* call) { return std::string(call) + ": " + std::strerror(errno); }

bool listens_on(int fd, const SocketAddress& address) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  return ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) == 0 &&
         SocketAddress::from(reinterpret_cast<sockaddr*>(&storage), length) == address;
}

}  // namespace

bool is_listened_on(const SocketAddress& address, bool both_families) {
  return address.is_unix() ? socket_file(address) == SocketFile::served
                           : in_use(address, both_families);
}

std::expected<ListenSockets, std::string> ListenSockets::open(const SocketAddress& address,
                                                              unsigned count, bool both_families,
                                                              Sharing sharing) {
  if (both_families && !has_ipv6()) {
    auto out = open(SocketAddress(IpAddress::v4({}), address.port()), count, false, sharing);
    if (out) out->asked_ = "*:" + std::to_string(address.port());
    return out;
  }
  ListenSockets out;
  out.address_ = address;
  out.asked_ = both_families ? "*:" + std::to_string(address.port()) : address.to_string();
  const bool unix_socket = address.is_unix();
  if (unix_socket && socket_file(address) == SocketFile::stale) ::unlink(address.path().c_str());
  const bool alone = unix_socket || sharing == Sharing::alone;
  if (alone && is_listened_on(address, both_families)) {
    return std::unexpected("address already in use");
  }
  for (unsigned i = 0; i < (unix_socket ? 1 : count); ++i) {
    const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return std::unexpected(failure("socket"));
    out.fds_.push_back(fd);
    out.numbers_.push_back(fd);
    const int on = 1;
    if (!unix_socket) {
      ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
      set_families(fd, address, both_families);
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
  out.numbers_ = fds;
  out.fds_ = std::move(fds);
  out.passed_ = true;
  return out;
}

ListenSockets ListenSockets::handed(std::string asked, SocketAddress address,
                                    std::vector<int> fds) {
  ListenSockets out = passed(std::move(address), std::move(fds));
  out.asked_ = std::move(asked);
  out.passed_ = false;
  out.handed_ = true;
  return out;
}

ListenSockets::ListenSockets(ListenSockets&& other) noexcept
    : address_(std::move(other.address_)),
      asked_(std::move(other.asked_)),
      fds_(std::exchange(other.fds_, {})),
      numbers_(std::move(other.numbers_)),
      passed_(other.passed_),
      handed_(other.handed_) {}

ListenSockets& ListenSockets::operator=(ListenSockets&& other) noexcept {
  std::swap(address_, other.address_);
  std::swap(asked_, other.asked_);
  std::swap(fds_, other.fds_);
  std::swap(numbers_, other.numbers_);
  std::swap(passed_, other.passed_);
  std::swap(handed_, other.handed_);
  return *this;
}

ListenSockets::~ListenSockets() {
  for (const int fd : fds_) {
    if (fd >= 0) ::close(fd);
  }
}

Descriptor ListenSockets::take(std::size_t index) noexcept {
  if (passed_) return Descriptor(::fcntl(fds_[index], F_DUPFD_CLOEXEC, 3));
  return Descriptor(std::exchange(fds_[index], -1));
}

std::expected<std::vector<Descriptor>, std::string> ListenSockets::duplicate() const {
  std::vector<Descriptor> out;
  for (const int fd : numbers_) {
    Descriptor copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!copy) return std::unexpected(failure("fcntl"));
    // A worker may have closed it, and the number may be another's by now.
    if (!listens_on(copy.get(), address_)) return std::unexpected("the socket is closed already");
    out.push_back(std::move(copy));
  }
  return out;
}

Acceptor::Acceptor(Loop& loop, Descriptor listener, Sink& sink, bool shared) noexcept
    : loop_(loop), fd_(std::move(listener)), sink_(sink), shared_(shared) {}

std::expected<std::unique_ptr<Acceptor>, std::string> Acceptor::open(Loop& loop,
                                                                     Descriptor listener,
                                                                     Sink& sink, bool shared) {
  std::unique_ptr<Acceptor> out(new Acceptor(loop, std::move(listener), sink, shared));
  if (loop.reactor().add(out->fd_.get(), *out)) return out;
  std::string why = failure("the socket cannot be watched");
  out->fd_.close();
  return std::unexpected(std::move(why));
}

Acceptor::~Acceptor() {
  if (fd_) loop_.reactor().forget(fd_.get(), *this);
}

void Acceptor::close(std::function<void()> closed, const Ask& ask) {
  closed_ = std::move(closed);
  ask_ = ask;
  const bool waits = !shared_ && !refuses_newcomers(fd_.get()) && drop_newcomers(fd_.get());
  if (!waits) return take_rest();
  close_by_ = loop_.now() + handshake_time;
  next_look_ = first_pause;
  look();
}

void Acceptor::leave() noexcept {
  if (!fd_) return;
  loop_.reactor().forget(fd_.get(), *this);
  unschedule();
  fd_.close();
}

void Acceptor::look() {
  sockaddr_storage storage;
  socklen_t length = sizeof storage;
  if (::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
    return take_rest();
  }
  const SocketAddress address = SocketAddress::from(reinterpret_cast<sockaddr*>(&storage), length);
  const auto question = [family = storage.ss_family, port = address.port()] {
    return handshakes_begun(family, port).value_or(true);
  };
  asked_ = true;
  if (!ask_) return looked(question());
  loop_.wheel().schedule(*this, close_by_);
  ask_(question, [this](bool under_way) { looked(under_way); });
}

void Acceptor::looked(bool under_way) {
  if (!std::exchange(asked_, false)) return;  // it came too late
  // The rest is taken behind the look: whoever completed the handshake in between is in the queue.
  if (!under_way || loop_.now() >= close_by_) return take_rest();
  loop_.wheel().schedule(*this, std::min(loop_.now() + next_look_, close_by_));
  next_look_ *= 2;
}

void Acceptor::take_rest() {
  asked_ = false;
  rest_ = listen_backlog;
  on_ready(Ready::read);
}

void Acceptor::end() {
  loop_.reactor().forget(fd_.get(), *this);
  unschedule();
  fd_.close();
  std::exchange(closed_, nullptr)();
}

void Acceptor::on_ready(std::uint8_t) noexcept {
  const bool drained = accept_some();
  if (rest_ == 0) {
    if (!drained) loop_.reactor().tell_again(*this);
    return;
  }
  rest_ -= std::min(rest_, accepts_a_turn);
  if (drained || rest_ == 0) return end();
  loop_.reactor().tell_again(*this);
}

void Acceptor::expire(TimePoint now) noexcept {
  if (!closed_) {
    on_ready(Ready::read);
  } else if (now >= close_by_) {
    take_rest();
  } else if (asked_) {
    loop_.wheel().schedule(*this, close_by_);
  } else {
    look();
  }
}

bool Acceptor::accept_some() noexcept {
  for (unsigned i = 0; i < accepts_a_turn; ++i) {
    sockaddr_storage storage;
    socklen_t length = sizeof storage;
    Descriptor connection(::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&storage), &length,
                                    SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection) {
      try {
        sink_.accepted(std::move(connection),
                       SocketAddress::from(reinterpret_cast<sockaddr*>(&storage), length));
      } catch (const std::bad_alloc&) {
        sink_.accept_failed(ENOMEM);
      }
      continue;
    }
    switch (errno) {
      case EAGAIN:
        return true;
      case EINTR:
      // Of the connection itself (accept(2)): it is gone, the next one may be well.
      case ECONNABORTED:
      case EPERM:
      case EPROTO:
      case ENOPROTOOPT:
      case EOPNOTSUPP:
      case ENETDOWN:
      case ENETUNREACH:
      case EHOSTDOWN:
      case EHOSTUNREACH:
      case ENONET:
        continue;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        // The edge is used up, and others may still queue.
        sink_.accept_failed(errno);
        loop_.wheel().schedule(*this, loop_.now() + after_failure);
        return true;
      default:
        // A unix: socket that closes says so.
        if (!closed_) sink_.accept_failed(errno);
        return true;
    }
  }
  return false;
}

}  // namespace weir::net
