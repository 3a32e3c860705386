// Who asked for a reload, and in which order they are served: one reload at a time, and all who ask
// while one runs share the next, since it reads what the files say then. Main thread.
#pragma once

#include <functional>
#include <vector>

#include "weir/config/loader.hpp"

namespace weir::server {

class Reloads {
 public:
  using Problems = std::vector<config::Problem>;
  using Done = std::function<void(Problems)>;

  // `begin` starts a reload, whose outcome is told by end(). Until open() nothing begins.
  explicit Reloads(std::function<void()> begin) : begin_(std::move(begin)) {}

  // `done` is called once: from end(), from stop(), or at once when the process ends or too many
  // wait already.
  void ask(Done done);
  // The start is over: who has asked is served from now on.
  void open();
  // What became of the one that begin() started; begins the next when somebody waits.
  void end(const Problems& problems);
  // The process ends: tells all who wait, also for the one that runs.
  void stop();

  bool running() const noexcept { return running_; }

 private:
  // As many as the admin address can have asking, and some signals.
  static constexpr std::size_t most_waiting = 256;

  void next();
  static void tell(std::vector<Done> all, const Problems& problems);

  const std::function<void()> begin_;
  std::vector<Done> asked_;    // of the one that runs
  std::vector<Done> waiting_;  // for the next
  bool open_ = false;
  bool running_ = false;
  bool stopped_ = false;
};

}  // namespace weir::server
