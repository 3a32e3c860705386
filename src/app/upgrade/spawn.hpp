// Starts a process that is to take the place of this one. Main thread.
#pragma once

#include <sys/types.h>

#include <expected>
#include <string>
#include <vector>

#include "app/upgrade/note.hpp"
#include "app/upgrade/start_command.hpp"
#include "weir/base/descriptor.hpp"
#include "weir/net/handed_sockets.hpp"

namespace weir::app {

// With this process's standard streams, `channel` and all of `sockets` (note.hpp says where), and
// no other descriptor; without waiting for what it does. SIGHUP, SIGUSR1 and SIGUSR2 are blocked in
// it until it takes them. `note` gets the addresses. The error says what failed.
std::expected<pid_t, std::string> spawn_successor(const StartCommand& command, UpgradeNote note,
                                                  const Descriptor& channel,
                                                  const std::vector<net::HandedSockets>& sockets);

}  // namespace weir::app
