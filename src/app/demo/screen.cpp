#include "app/demo/screen.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace weir::app {
namespace {

constexpr int look_ms = 100;
// What a terminal that is ready for writing takes without blocking for long.
constexpr std::size_t piece = 1024;

}  // namespace

void Screen::write(std::string_view text) noexcept {
  while (!text.empty()) {
    const bool last_chance = given_up_;
    pollfd ready{fd_, POLLOUT, 0};
    const int found = ::poll(&ready, 1, look_ms);
    if (found == 0 && last_chance) return;
    if (found <= 0) continue;
    const ssize_t written = ::write(fd_, text.data(), std::min(text.size(), piece));
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written < 0) return;  // the terminal is gone
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace weir::app
