#include "app/upgrade/channel.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace weir::app {

bool send_message(int fd, std::string_view text) noexcept {
  text = text.substr(0, longest_message);
  ssize_t sent = 0;
  do {
    sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(text.size());
}

std::expected<std::pair<Descriptor, Descriptor>, std::string> make_channel() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return std::unexpected(std::string("socketpair: ") + std::strerror(errno));
  }
  return std::pair(Descriptor(ends[0]), Descriptor(ends[1]));
}

void UpgradeChannel::listen(Heard heard, std::function<void()> ended) {
  heard_ = std::move(heard);
  ended_ = std::move(ended);
  wait();
}

void UpgradeChannel::wait() {
  end_.async_wait(asio::posix::stream_descriptor::wait_read,
                  [self = shared_from_this()](boost::system::error_code error) {
                    if (error || !self->end_.is_open()) return;
                    self->look();
                    if (self->end_.is_open()) self->wait();
                  });
}

void UpgradeChannel::look() {
  const auto self = shared_from_this();  // who hears may let go of it
  std::vector<char> text(longest_message);
  while (end_.is_open()) {
    const ssize_t got = ::recv(end_.native_handle(), text.data(), text.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got <= 0) {
      const auto ended = std::move(ended_);
      close();
      if (ended) ended();
      return;
    }
    const std::string_view all(text.data(), static_cast<std::size_t>(got));
    const std::size_t space = std::min(all.find(' '), all.size());
    const auto heard = heard_;  // close() forgets it
    heard(all.substr(0, space), all.substr(std::min(space + 1, all.size())));
  }
}

void UpgradeChannel::close() noexcept {
  boost::system::error_code ignored;
  end_.close(ignored);
  heard_ = nullptr;
  ended_ = nullptr;
}

}  // namespace weir::app
