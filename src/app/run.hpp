// Serving: one process from its configuration to its exit code, driven by signals. Main thread.
#pragma once

#include <functional>
#include <string>

#include "weir/server/admin.hpp"
#include "weir/server/server.hpp"

namespace weir::app {

// Serves what `source` gives until SIGTERM or SIGINT. 0 drained clean, 2 something was cut, 1 could
// not start, the reasons a line each on stderr. `started` is called once the listeners and the
// admin address are bound.
int serve(server::Server::Source source,
          const std::function<void(server::Server&, server::Admin&)>& started = {});

// serve() for a configuration file or folder, read again at each reload.
int run(const std::string& config);

}  // namespace weir::app
