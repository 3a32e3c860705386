// Whether the gateway may say that it is ready: not before every upstream whose endpoints are all
// names was resolved once, or the time for that is over. Said once, it stays so: later failures of
// names leave the last good addresses in use. Main thread.
#pragma once

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/asio.hpp"
#include "weir/base/time.hpp"
#include "weir/upstream/registry.hpp"

namespace weir::server {

class Readiness {
 public:
  explicit Readiness(asio::io_context& main)
      : timer_(main), hold_timer_(main), since_(Clock::now()) {}

  // The workers accept: `reached` is called once, when no cluster waits for a name any more, at the
  // latest `at_most` after this was constructed; from within when that is so already.
  void begin(const upstream::Registry& registry, Duration at_most, std::function<void()> reached);
  // Before begin(): not ready either until release(), for that reason, at most so long after this
  // was constructed. Another call changes that, until reached().
  void hold(std::string why, Duration at_most);
  void release();
  // Another configuration is in use.
  void reloaded(const upstream::Registry& registry, Duration at_most);
  // A name was found.
  void look();
  void stop();

  bool begun() const noexcept { return begun_; }
  bool reached() const noexcept { return reached_; }
  // What it is held for, "" for nothing.
  const std::string& held_for() const noexcept { return held_; }
  // What is waited for, in words: "upstream orders (orders.test:80)"; at most five are named.
  std::string waits_for() const;
  // Until when.
  TimePoint until() const noexcept {
    return held_.empty() ? until_ : std::max(until_, held_until_);
  }

 private:
  void wait();
  void reach();

  asio::steady_timer timer_;
  asio::steady_timer hold_timer_;
  const TimePoint since_;
  TimePoint until_{};
  std::string held_;
  TimePoint held_until_{};
  std::vector<std::shared_ptr<upstream::Cluster>> waiting_;
  std::function<void()> told_;
  bool begun_ = false;
  bool reached_ = false;
};

}  // namespace weir::server
