#include "weir/http/head_memory.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace weir {
namespace {

// What a worker takes of the shared half at a time, and keeps beyond what it uses.
constexpr std::uint64_t batch = 64 * 1024;

}  // namespace

bool HeadMemory::borrow(std::uint64_t bytes) noexcept {
  const std::uint64_t most = limit() / 2;
  std::uint64_t now = borrowed_.load(std::memory_order_relaxed);
  do {
    if (now + bytes > most) return false;
  } while (!borrowed_.compare_exchange_weak(now, now + bytes, std::memory_order_relaxed));
  return true;
}

HeadAccount::~HeadAccount() {
  assert(oldest_ == nullptr);
  shared_.give_back(borrowed_);
}

bool HeadAccount::take(std::uint64_t bytes) noexcept {
  const std::uint64_t here = shared_.own_part() + borrowed_;
  if (used_ + bytes > here) {
    const std::uint64_t missing = used_ + bytes - here;
    const std::uint64_t whole = std::max(missing, batch);
    if (shared_.borrow(whole)) {
      borrowed_ += whole;
    } else if (shared_.borrow(missing)) {
      borrowed_ += missing;
    } else {
      return false;
    }
  }
  used_ += bytes;
  return true;
}

void HeadAccount::give(std::uint64_t bytes) noexcept {
  used_ -= bytes;
  const std::uint64_t own = shared_.own_part();
  const std::uint64_t needed = used_ > own ? used_ - own : 0;
  if (borrowed_ <= needed + 2 * batch && used_ != 0) return;
  const std::uint64_t excess = borrowed_ - std::min(needed, borrowed_);
  if (excess == 0) return;
  borrowed_ -= excess;
  shared_.give_back(excess);
}

void HeadAccount::link(HeadCharge& charge) noexcept {
  charge.older_ = newest_;
  charge.newer_ = nullptr;
  (newest_ == nullptr ? oldest_ : newest_->newer_) = &charge;
  newest_ = &charge;
  charge.queued_ = true;
}

void HeadAccount::unlink(HeadCharge& charge) noexcept {
  (charge.older_ == nullptr ? oldest_ : charge.older_->newer_) = charge.newer_;
  (charge.newer_ == nullptr ? newest_ : charge.newer_->older_) = charge.older_;
  charge.queued_ = false;
}

bool HeadCharge::set(std::uint64_t bytes) {
  if (account_ == nullptr) return true;
  if (gave_way_) return false;
  if (bytes == 0) {
    release();
    return true;
  }
  if (bytes <= bytes_) {
    account_->give(bytes_ - bytes);
    bytes_ = bytes;
    return true;
  }
  while (!account_->take(bytes - bytes_)) {
    HeadCharge* victim = account_->oldest_;
    if (victim == this) victim = newer_;
    if (victim == nullptr && bytes <= small) {
      account_->used_ += bytes - bytes_;
      break;
    }
    if (victim == nullptr) {
      account_->refused_(listener_, peer_);
      return false;
    }
    victim->release();
    victim->gave_way_ = true;
    account_->refused_(victim->listener_, victim->peer_);
    victim->give_way();
  }
  bytes_ = bytes;
  if (!queued_) account_->link(*this);
  return true;
}

void HeadCharge::keep() noexcept {
  if (queued_) account_->unlink(*this);
}

void HeadCharge::release() noexcept {
  keep();
  if (bytes_ != 0) account_->give(std::exchange(bytes_, 0));
}

}  // namespace weir
