// The system calls of every request, as their manual pages have them, less what glibc does around
// each for a thread that might be cancelled, which no worker is: two locked instructions. Under a
// sanitizer glibc's own, which those watch.
#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

#include "weir/base/sanitizer.hpp"

namespace weir::net {

inline ssize_t receive_bytes(int fd, void* into, std::size_t size, int flags) noexcept {
  if constexpr (under_sanitizer) return ::recv(fd, into, size, flags);
  return ::syscall(SYS_recvfrom, fd, into, size, flags, nullptr, nullptr);
}

inline ssize_t send_bytes(int fd, const void* from, std::size_t size, int flags) noexcept {
  if constexpr (under_sanitizer) return ::send(fd, from, size, flags);
  return ::syscall(SYS_sendto, fd, from, size, flags, nullptr, 0);
}

inline ssize_t send_pieces(int fd, const msghdr& message, int flags) noexcept {
  if constexpr (under_sanitizer) return ::sendmsg(fd, &message, flags);
  return ::syscall(SYS_sendmsg, fd, &message, flags);
}

inline int wait_for_events(int fd, epoll_event* into, int most, int milliseconds) noexcept {
  if constexpr (under_sanitizer) return ::epoll_wait(fd, into, most, milliseconds);
  return static_cast<int>(
      ::syscall(SYS_epoll_pwait, fd, into, most, milliseconds, nullptr, std::size_t{0}));
}

}  // namespace weir::net
