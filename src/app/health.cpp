// The health command: a blocking client of one request, without anything of the gateway running.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <expected>
#include <string_view>

#include "app/commands.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/time.hpp"

namespace weir::app {
namespace {

constexpr Duration patience = std::chrono::seconds(2);
constexpr std::string_view request =
    "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
constexpr std::size_t most_answer = 4096;
constexpr std::string_view good = "HTTP/1.1 200";

class Socket {
 public:
  explicit Socket(int family)
      : fd_(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
        ends_(Clock::now() + patience) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const noexcept { return fd_; }

  // Waits for `events` until the time for everything is over.
  bool wait(short events) const {
    while (true) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(ends_ - Clock::now()).count();
      if (left <= 0) return false;
      pollfd waiting{fd_, events, 0};
      const int ready = ::poll(&waiting, 1, static_cast<int>(left));
      if (ready < 0 && errno == EINTR) continue;
      return ready == 1;
    }
  }

 private:
  int fd_;
  TimePoint ends_;
};

constexpr const char* too_slow = "no answer within 2 s";

// The answer of an HTTP server, as far as it is of interest.
struct Answer {
  std::string line;  // the first
  std::string body;  // its first line
};

// The answer, or what failed.
std::expected<Answer, std::string> ask(const SocketAddress& address) {
  const auto system_error = [] { return std::unexpected(std::string(std::strerror(errno))); };
  const Socket socket(address.family());
  if (socket.fd() < 0) return system_error();
  sockaddr_storage storage;
  const socklen_t length = address.to_sockaddr(storage);
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&storage), length) != 0) {
    if (errno != EINPROGRESS) return system_error();
    if (!socket.wait(POLLOUT)) return std::unexpected(too_slow);
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return std::unexpected(std::string(std::strerror(error)));
  }
  // A fresh socket takes so few bytes whole.
  if (::send(socket.fd(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return system_error();
  }
  // To its end, which is the connection's; of a good answer no more than its first line is of use.
  std::string text;
  const auto has_line = [&] { return text.find('\n') != std::string::npos; };
  while (text.size() < most_answer && !(has_line() && text.starts_with(good))) {
    if (!socket.wait(POLLIN)) {
      if (has_line()) break;
      return std::unexpected(too_slow);
    }
    char bytes[most_answer];
    const ssize_t n = ::recv(socket.fd(), bytes, most_answer - text.size(), 0);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return system_error();
    if (n == 0) break;
    text.append(bytes, static_cast<std::size_t>(n));
  }
  if (text.empty()) return std::unexpected("closed without an answer");
  if (!text.starts_with("HTTP/1.1 ")) return std::unexpected("not an answer of HTTP");
  const auto line_at = [&](std::size_t begin) {
    return text.substr(begin, text.find_first_of("\r\n", begin) - begin);
  };
  const std::size_t head_ends = text.find("\r\n\r\n");
  return Answer{line_at(0), head_ends == std::string::npos ? "" : line_at(head_ends + 4)};
}

}  // namespace

int health(const std::string& admin) {
  const auto address = SocketAddress::parse(admin);
  if (!address) {
    return complain("weir: --admin: '" + admin + "' is not IP:port or unix:PATH", exit_usage);
  }
  const auto answer = ask(*address);
  if (!answer) return complain("weir: " + admin + ": " + answer.error(), 1);
  if (answer->line.starts_with(good)) return 0;
  const std::string why = answer->body.empty() ? "" : ": " + answer->body;
  return complain("weir: " + admin + ": not ready: " + answer->line + why, 1);
}

}  // namespace weir::app
