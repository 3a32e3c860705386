#include "app/service_manager.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace weir::app {
namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// 0 for anything but a number.
std::uint64_t number(const std::string& text) {
  std::uint64_t out = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && at == text.data() + text.size() ? out : 0;
}

std::int64_t microseconds(Duration time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

}  // namespace

ServiceManager::ServiceManager(std::string socket, Duration watchdog)
    : socket_(std::move(socket)), watchdog_(watchdog) {
  // Room for the final 0 of a path.
  if (socket_.empty() || socket_.size() >= sizeof(sockaddr_un{}.sun_path)) return;
  fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

ServiceManager::~ServiceManager() {
  if (fd_ >= 0) ::close(fd_);
}

ServiceManager ServiceManager::from_environment() {
  const std::string process = variable("WATCHDOG_PID");
  // A day at most: a timer of twice the largest number would be none.
  constexpr std::uint64_t longest = std::uint64_t{24} * 3600 * 1'000'000;
  std::uint64_t watchdog = std::min(number(variable("WATCHDOG_USEC")), longest);
  if (!process.empty() && number(process) != static_cast<std::uint64_t>(::getpid())) watchdog = 0;
  return ServiceManager(variable("NOTIFY_SOCKET"), std::chrono::microseconds(watchdog));
}

void ServiceManager::ready(std::string_view status) const {
  tell(fmt::format("READY=1\nSTATUS={}", status));
}

void ServiceManager::reloading(TimePoint now) const {
  tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reloading",
                   microseconds(now.time_since_epoch())));
}

void ServiceManager::starting(Duration at_most) const {
  tell(
      fmt::format("STATUS=serving; not ready: names of upstreams have no address\n"
                  "EXTEND_TIMEOUT_USEC={}",
                  microseconds(at_most)));
}

void ServiceManager::status(std::string_view text) const { tell(fmt::format("STATUS={}", text)); }

void ServiceManager::stopping(Duration at_most) const {
  tell(fmt::format("STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC={}", microseconds(at_most)));
}

void ServiceManager::alive() const { tell("WATCHDOG=1"); }

void ServiceManager::give_place_to(pid_t process) {
  tell(fmt::format("MAINPID={}", process));
  silent_ = true;
}

void ServiceManager::take_place_back() {
  silent_ = false;
  tell(fmt::format("MAINPID={}", ::getpid()));
}

void ServiceManager::take_over(std::string_view status) {
  silent_ = false;
  tell(fmt::format("READY=1\nMAINPID={}\nSTATUS={}", ::getpid(), status));
}

void ServiceManager::tell(std::string_view message) const {
  if (fd_ < 0 || silent_) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  std::size_t length = offsetof(sockaddr_un, sun_path) + socket_.size();
  if (socket_[0] == '@') {
    address.sun_path[0] = '\0';
  } else {
    ++length;
  }
  // Nobody to tell is no reason to stop serving.
  [[maybe_unused]] const ssize_t sent =
      ::sendto(fd_, message.data(), message.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(length));
}

}  // namespace weir::app
