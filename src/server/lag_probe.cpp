#include "server/lag_probe.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace weir::server {

void LagProbe::sample(TimePoint now) {
  if (sent_) {
    const Duration::rep took = sent_->took.load(std::memory_order_acquire);
    if (took < 0) return add(now - sent_at_);
    add(Duration(took));
  }
  post(now);
}

Duration LagProbe::lag() const noexcept {
  return std::accumulate(samples_.begin(), samples_.end(), Duration{}) /
         static_cast<Duration::rep>(kept);
}

void LagProbe::post(TimePoint now) {
  auto answer = std::make_shared<Answer>();
  loop_.mailbox().post([answer, now] {
    const Duration took = std::max(Clock::now() - now, Duration::zero());
    answer->took.store(took.count(), std::memory_order_release);
  });
  sent_ = std::move(answer);
  sent_at_ = now;
}

void LagProbe::add(Duration sample) noexcept {
  samples_[next_] = sample;
  next_ = (next_ + 1) % kept;
}

}  // namespace weir::server
