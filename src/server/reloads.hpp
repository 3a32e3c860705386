// Who asked for a reload, and in which order they are served: one reload at a time, and all who ask
// while one runs share the next, since it reads what the files say then. Main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/config/loader.hpp"

namespace weir::server {

class Reloads {
 public:
  using Problems = std::vector<config::Problem>;
  using Done = std::function<void(Problems)>;
  // What somebody asks for.
  struct Wanted {
    std::string by = "reload";  // who asks, for the history: "SIGHUP", "POST /reload"
    // The configuration of that generation in place of what the source says.
    std::optional<std::uint64_t> generation = {};
    bool release = false;          // what the source says, although a rollback holds
    bool is_of_documents = false;  // documents have changed: the source is not read again

    // Whether who asks so shares its reload with others.
    bool is_usual() const noexcept { return !generation && !release; }
  };

  // `begin` starts a reload, whose outcome is told by end(). Until open() nothing begins.
  explicit Reloads(std::function<void()> begin) : begin_(std::move(begin)) {}

  // `done` is called once: from end(), from stop(), or at once when the process ends or too many
  // wait already.
  void ask(Done done, Wanted wanted);
  void ask(Done done) { ask(std::move(done), Wanted()); }
  // The start is over: who has asked is served from now on.
  void open();
  // Until then only what documents cause is served.
  void open_for_documents();
  // What became of the one that begin() started; begins the next when somebody waits.
  void end(const Problems& problems);
  // The process ends: tells all who wait, also for the one that runs.
  void stop();

  bool running() const noexcept { return running_; }
  // Of the one that runs, whoever share it: the source is read again if one of them wants that.
  const Wanted& wanted() const noexcept { return wanted_; }

 private:
  // As many as the admin address can have asking, and some signals.
  static constexpr std::size_t most_waiting = 256;

  void next();
  struct Asker {
    Done done;
    Wanted wanted;
  };
  // Serves those that wait before `end`, of which there is one at least.
  void take(std::vector<Asker>::iterator end);
  static void tell(std::vector<Asker> all, const Problems& problems);

  const std::function<void()> begin_;
  std::vector<Asker> asked_;    // of the one that runs
  std::vector<Asker> waiting_;  // for the next, in order
  Wanted wanted_;
  bool open_ = false;
  bool open_for_documents_ = false;
  bool running_ = false;
  bool stopped_ = false;
};

}  // namespace weir::server
