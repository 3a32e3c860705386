// How long the bytes of an exchange may take: the limits, and what has been waited for. Shared by
// the sides of a transfer, client and upstream, as each stops the other's clock. Worker thread
// only.
#pragma once

#include <algorithm>
#include <utility>

#include "weir/base/time.hpp"

namespace weir {

struct TransferClock {
  Duration idle_timeout{};               // behind the head no byte either way; zero: no limit
  Deadline hard_deadline = no_deadline;  // of the whole exchange
  TimePoint last_activity;               // a byte moved either way behind the head

  // When the transfer ends, should no byte move any more.
  Deadline idle_deadline() const noexcept {
    return std::min(deadline_after(last_activity, idle_timeout), hard_deadline);
  }

  // Waiting for the request's content stands outside a route's `timeout`.
  void begin_client_wait(TimePoint now) noexcept { client_wait_since_ = now; }
  Duration end_client_wait(TimePoint now) noexcept {
    const Duration waited = now - std::exchange(client_wait_since_, TimePoint::max());
    client_wait_ += waited;
    return waited;
  }
  Duration client_wait(TimePoint now) const noexcept {
    return client_wait_since_ == TimePoint::max() ? client_wait_
                                                  : client_wait_ + (now - client_wait_since_);
  }

 private:
  Duration client_wait_{};
  TimePoint client_wait_since_ = TimePoint::max();  // max: not waiting
};

}  // namespace weir
