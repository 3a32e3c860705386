#include "app/demo/keyboard.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>

namespace weir::app {

void Keyboard::take() noexcept {
  if (!is_in_foreground()) return;
  termios now;
  if (::tcgetattr(fd_, &now) != 0) return;
  // A shell that stopped us has put its own settings there: what we found first is put back.
  if (!before_) before_ = now;
  now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  now.c_cc[VMIN] = 1;
  now.c_cc[VTIME] = 0;
  ::tcsetattr(fd_, TCSANOW, &now);
}

void Keyboard::release() noexcept {
  if (before_ && is_in_foreground()) ::tcsetattr(fd_, TCSANOW, &*before_);
  before_.reset();
}

std::optional<std::string> Keyboard::read() const {
  const pid_t foreground = ::tcgetpgrp(fd_);
  if (foreground < 0) return std::nullopt;
  // The terminal would stop who reads from the background.
  if (foreground != ::getpgrp()) return "";
  std::array<char, 64> keys;
  const ssize_t n = ::read(fd_, keys.data(), keys.size());
  if (n > 0) return std::string(keys.data(), static_cast<std::size_t>(n));
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return "";
  return std::nullopt;
}

bool Keyboard::is_in_foreground() const noexcept { return ::tcgetpgrp(fd_) == ::getpgrp(); }

}  // namespace weir::app
