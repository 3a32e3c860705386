// An upgrade in place: a process starts a new binary, which takes its place. What one came to, and
// what is shown of all. Plain values; main thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/time.hpp"
#include "weir/config/problem.hpp"

namespace weir::server {

// The new process serves.
struct Upgraded {
  pid_t pid = 0;
  std::string version;
  Duration drains{};  // the old one, at most
};

// Or why it does not, a line each; then nothing has changed.
using UpgradeOutcome = std::expected<Upgraded, std::vector<config::Problem>>;
using UpgradeDone = std::function<void(UpgradeOutcome)>;
// Starts one, and calls what it is given once.
using UpgradeAsk = std::function<void(UpgradeDone)>;

struct UpgradeFailure {
  std::chrono::system_clock::time_point at;
  std::string problem;  // the first line
};

struct UpgradeStatus {
  // Of this process and of all before it since the first was started.
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::optional<pid_t> successor;    // it gets ready, or has taken over
  std::optional<pid_t> predecessor;  // it handed over to this one
  bool predecessor_drains = false;   // and has not ended yet
  std::optional<UpgradeFailure> last_failure;
};

}  // namespace weir::server
