// SIGINT and SIGTERM as an event of a loop. The loop's thread only, which is the process's only
// one.
#pragma once

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <functional>
#include <system_error>
#include <utility>

#include "weir/base/descriptor.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/reactor.hpp"

namespace weir::bench {

// Hears of SIGINT and SIGTERM once; the next one ends the process as ever.
class Interrupt final : private net::ReadyTarget {
 public:
  Interrupt(net::Loop& loop, std::move_only_function<void() noexcept> heard)
      : loop_(loop), heard_(std::move(heard)) {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    fd_ = Descriptor(::signalfd(-1, &signals_, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!fd_ || !loop_.reactor().add(fd_.get(), *this)) {
      throw std::system_error(errno, std::generic_category(), "signalfd");
    }
  }
  ~Interrupt() { loop_.reactor().forget(fd_.get(), *this); }
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

 private:
  void on_ready(std::uint8_t) noexcept override {
    signalfd_siginfo info;
    if (::read(fd_.get(), &info, sizeof info) != sizeof info) return;
    ::pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
    heard_();
  }

  net::Loop& loop_;
  std::move_only_function<void() noexcept> heard_;
  sigset_t signals_;
  Descriptor fd_;
};

}  // namespace weir::bench
