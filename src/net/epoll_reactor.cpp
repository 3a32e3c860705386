#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "net/system_calls.hpp"
#include "weir/net/reactor.hpp"

namespace weir::net {
namespace {

class EpollReactor final : public Reactor {
 public:
  EpollReactor() : fd_(epoll_create1(EPOLL_CLOEXEC)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  }
  ~EpollReactor() override { ::close(fd_); }

  bool add(int fd, ReadyTarget& target) noexcept override {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &target;
    return epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) == 0;
  }

  // Closing the descriptor takes it out of the kernel's set; what is left is the batch in hand.
  void forget(ReadyTarget& target) noexcept override {
    for (int i = position_; i < count_; ++i) {
      epoll_event& event = events_[static_cast<std::size_t>(i)];
      if (event.data.ptr == &target) event.data.ptr = nullptr;
    }
  }

  void wait(TimePoint now, TimePoint until) noexcept override {
    count_ =
        wait_for_events(fd_, events_.data(), static_cast<int>(events_.size()), timeout(now, until));
    position_ = 0;
  }

  void dispatch() noexcept override {
    while (position_ < count_) {
      const epoll_event& event = events_[static_cast<std::size_t>(position_++)];
      if (event.data.ptr != nullptr) {
        static_cast<ReadyTarget*>(event.data.ptr)->on_ready(bits(event.events));
      }
    }
    count_ = 0;
  }

 private:
  static std::uint8_t bits(std::uint32_t events) noexcept {
    std::uint8_t out = 0;
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) out |= Ready::read;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) out |= Ready::write;
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) out |= Ready::peer_closed;
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) out |= Ready::broken;
    return out;
  }

  // Milliseconds rounded up, so that a deadline has passed when the wait for it ends.
  static int timeout(TimePoint now, TimePoint until) noexcept {
    if (until == no_deadline) return -1;
    if (until <= now) return 0;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
    return wait > 60'000 ? 60'000 : static_cast<int>(wait);
  }

  int fd_;
  int position_ = 0;
  int count_ = 0;
  std::array<epoll_event, 256> events_;
};

}  // namespace

std::unique_ptr<Reactor> make_epoll_reactor() { return std::make_unique<EpollReactor>(); }

}  // namespace weir::net
