#include "weir/net/mailbox.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace weir::net {
namespace {

// How many letters are delivered in a turn of the loop.
constexpr std::size_t most_letters = 256;

}  // namespace

Mailbox::Mailbox(Reactor& reactor)
    : reactor_(reactor), fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0 || !reactor_.add(fd_, *this)) {
    throw std::system_error(errno, std::generic_category(), "eventfd");
  }
}

Mailbox::~Mailbox() {
  reactor_.forget(fd_, *this);
  ::close(fd_);
}

void Mailbox::post(Letter letter) {
  bool ring = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    ring = letters_.empty();
    letters_.push_back(std::move(letter));
  }
  if (ring) {
    const std::uint64_t one = 1;
    // An eventfd of ours cannot refuse 1: its counter is reset with each delivery.
    [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);
  }
}

void Mailbox::deliver() {
  if (!std::exchange(rung_, false)) return;
  const bool goes_on = delivered_ != delivering_.size();
  if (!goes_on) {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(fd_, &count, sizeof count);
    const std::lock_guard lock(mutex_);
    delivering_.swap(letters_);
  }
  const std::size_t end = std::min(delivering_.size(), delivered_ + most_letters);
  while (delivered_ != end) {
    Letter letter = std::move(delivering_[delivered_++]);
    letter();
  }
  bool more = delivered_ != delivering_.size();
  if (!more) {
    delivering_.clear();
    delivered_ = 0;
    // The bell of letters that came meanwhile may have been heard in an earlier turn.
    const std::lock_guard lock(mutex_);
    more = goes_on && !letters_.empty();
  }
  if (more) reactor_.tell_again(*this);
}

void Mailbox::close() noexcept {
  std::vector<Letter> unread;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  unread.swap(letters_);
}

void Mailbox::on_ready(std::uint8_t) noexcept { rung_ = true; }

}  // namespace weir::net
