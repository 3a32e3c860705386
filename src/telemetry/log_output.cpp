#include "telemetry/log_output.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "weir/telemetry/occasional.hpp"

namespace weir::telemetry {
namespace {

// What a pipe that is ready for writing takes without blocking, on Linux.
constexpr std::size_t pipe_piece = 4096;
constexpr int patience_ms = 100;

}  // namespace

void LogOutput::write(std::string_view lines, const std::function<void(std::size_t)>& released,
                      const std::function<bool()>& give_up) {
  if (skipping_) {
    const std::size_t end = lines.find('\n');
    const std::size_t rest = end == std::string_view::npos ? lines.size() : end + 1;
    lose(lines.substr(0, rest));
    released(rest);
    lines.remove_prefix(rest);
  }
  while (!lines.empty()) {
    if (target_.fd() < 0) return released(lines.size());
    std::size_t written = 0;
    if (!cut_ || write_some("\n", give_up) == 1) {
      cut_ = false;
      written = write_some(lines, give_up);
    }
    if (written == 0) {
      cut_ = cut_ || mid_line_;
      mid_line_ = false;
      lose(lines);
      return released(lines.size());
    }
    mid_line_ = lines[written - 1] != '\n';
    released(written);
    lines.remove_prefix(written);
  }
}

void LogOutput::lose(std::string_view lines) noexcept {
  lost_.add(static_cast<std::uint64_t>(std::ranges::count(lines, '\n')));
  skipping_ = lines.back() != '\n';
}

std::size_t LogOutput::write_some(std::string_view bytes, const std::function<bool()>& give_up) {
  bool wait = target_.may_block();
  while (true) {
    if (wait) {
      const bool last_chance = give_up();
      pollfd ready{target_.fd(), POLLOUT, 0};
      if (::poll(&ready, 1, last_chance ? 0 : patience_ms) == 0) {
        if (last_chance) return 0;
        continue;
      }
    }
    const std::size_t most = wait ? std::min(bytes.size(), pipe_piece) : bytes.size();
    const ssize_t written = ::write(target_.fd(), bytes.data(), most);
    if (written > 0) return static_cast<std::size_t>(written);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN && !give_up()) {
      wait = true;
      continue;
    }
    if (written < 0 && errno != EAGAIN) complain("cannot write the access log", errno);
    return 0;
  }
}

void LogOutput::complain(const char* what, int error) {
  log::occasionally(Clock::now(), log::Level::error, what,
                    {{"path", target_.path()}, {"error", std::strerror(error)}},
                    {{"lines_lost", lost()}});
}

void LogOutput::reopen() {
  if (!target_.is_file()) return;
  auto opened = LogTarget::open(target_.path());
  if (!opened) {
    log::error("cannot reopen the access log, the old file stays", {{"error", opened.error()}});
    return;
  }
  redirect(std::move(*opened));
  log::info("access log reopened", {{"path", target_.path()}});
}

void LogOutput::redirect(LogTarget target) {
  target_ = std::move(target);
  mid_line_ = cut_ = false;
}

}  // namespace weir::telemetry
