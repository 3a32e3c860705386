// How this process was started, so that a new binary can be started in the same way. Main thread.
#pragma once

#include <chrono>
#include <expected>
#include <string>
#include <vector>

#include "weir/base/time.hpp"

namespace weir::app {

struct StartCommand {
  // Absolute, as it was written, links and all: a new binary is what stands there later. Not
  // /proc/self/exe, which goes on naming the old one.
  std::string path;
  std::vector<std::string> arguments;  // with the program's name

  // Of this process, which must still be in the folder in which it was started. The error says why
  // nobody knows.
  static std::expected<StartCommand, std::string> of_this_process(
      std::vector<std::string> arguments);
};

// How a process hands over to a new binary.
struct UpgradeSettings {
  // Or why it cannot.
  std::expected<StartCommand, std::string> command =
      std::unexpected("weir demo is not upgraded in place");
  Duration patience = std::chrono::seconds(30);  // for the new process to get ready
};

}  // namespace weir::app
