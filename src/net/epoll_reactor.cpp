#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include "net/system_calls.hpp"
#include "weir/net/reactor.hpp"

namespace weir::net {
namespace {

class EpollReactor final : public Reactor {
 public:
  EpollReactor() : fd_(epoll_create1(EPOLL_CLOEXEC)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
    again_.reserve(reserved);
    telling_.reserve(reserved);
  }
  ~EpollReactor() override { ::close(fd_); }

  bool add(int fd, ReadyTarget& target) noexcept override {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &target;
    return epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) == 0;
  }

  // Closing would take it out of the kernel's set only if nobody else held the socket.
  void forget(int fd, ReadyTarget& target) noexcept override {
    ::epoll_ctl(fd_, EPOLL_CTL_DEL, fd, nullptr);
    ReadyTarget* const nobody = nullptr;
    std::ranges::replace(again_, &target, nobody);
    forget_telling(target);
    for (int i = position_; i < count_; ++i) {
      epoll_event& event = events_[static_cast<std::size_t>(i)];
      if (event.data.ptr == &target) event.data.ptr = nullptr;
    }
  }

  void wait(TimePoint now, TimePoint until) noexcept override {
    const int most = again_.empty() ? timeout(now, until) : 0;
    count_ = wait_for_events(fd_, events_.data(), static_cast<int>(events_.size()), most);
    position_ = 0;
  }

  void tell_again(ReadyTarget& target) override {
    if (std::ranges::find(again_, &target) == again_.end()) again_.push_back(&target);
  }

  void dispatch() noexcept override {
    // Whoever asks again from here on is told in the next turn.
    if (!again_.empty()) [[unlikely]]
      telling_.swap(again_);
    while (position_ < count_) {
      const epoll_event& event = events_[static_cast<std::size_t>(position_++)];
      if (event.data.ptr == nullptr) continue;
      auto* const target = static_cast<ReadyTarget*>(event.data.ptr);
      const std::uint8_t ready = bits(event.events);
      if (!telling_.empty() && (ready & Ready::read) != 0) forget_telling(*target);
      target->on_ready(ready);
    }
    count_ = 0;
    if (telling_.empty()) [[likely]]
      return;
    for (std::size_t i = 0; i < telling_.size(); ++i) {
      if (telling_[i] != nullptr) telling_[i]->on_ready(Ready::read);
    }
    telling_.clear();
  }

 private:
  // It is told once a turn: by its event, if there is one.
  void forget_telling(const ReadyTarget& target) noexcept {
    for (ReadyTarget*& one : telling_) {
      if (one == &target) one = nullptr;
    }
  }

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

  // More than a worker has listeners, so that nobody is told again at the price of an allocation.
  static constexpr std::size_t reserved = 1024;

  int fd_;
  int position_ = 0;
  int count_ = 0;
  std::array<epoll_event, 256> events_;
  std::vector<ReadyTarget*> again_;    // to be told by the next dispatch(); null: forgotten
  std::vector<ReadyTarget*> telling_;  // by the one that runs
};

}  // namespace

std::unique_ptr<Reactor> make_epoll_reactor() { return std::make_unique<EpollReactor>(); }

}  // namespace weir::net
