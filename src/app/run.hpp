// Serving: one process from its configuration to its exit code, driven by signals. Main thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/upgrade/start_command.hpp"
#include "weir/server/admin.hpp"
#include "weir/server/server.hpp"

namespace weir::app {

// Serves what `source` gives until SIGTERM or SIGINT. 0 drained clean, 2 something was cut, 1 could
// not start, the reasons a line each on stderr. `started` is called once the listeners and the
// admin address are bound; what it returns lives until serving has ended. `take_over` as for
// Server: the admin address may then be bound later. `texts`: where `source` leaves what it read
// first, for excerpts below those reasons; may be null. `settings`: how it hands over to a new
// binary, at SIGUSR2 or POST /upgrade. The environment may say that a process before hands over to
// this one, which then serves when that one lets it.
int serve(server::Server::Source source,
          const std::function<std::shared_ptr<void>(server::Server&, server::Admin&)>& started = {},
          bool take_over = false, const std::shared_ptr<config::SourceTexts>& texts = nullptr,
          UpgradeSettings settings = {});

// serve() for a configuration file or folder, read again at each reload, or "-" for standard input,
// which cannot be. The environment's
// WEIR_TAKE_OVER=1 makes it take over; what else that says is refused with 2. `arguments`: the
// command line of this process, with which a new binary is started.
int run(const std::string& config, std::vector<std::string> arguments);

}  // namespace weir::app
