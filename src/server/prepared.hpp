// A reload on its way.
#pragma once

#include <memory>
#include <optional>

#include "weir/provider/joining.hpp"
#include "weir/server/server.hpp"
#include "weir/telemetry/access_log.hpp"

namespace weir::server {

// What came of the first step; with problems nothing else is there.
struct Server::Prepared {
  Problems problems;
  Problems warnings;
  std::shared_ptr<const Snapshot> snapshot;
  std::optional<telemetry::LogTarget> access_log;  // when it goes to another place
  bool named = false;                              // its names were looked up
  std::shared_ptr<const provider::Inputs> inputs;
  // What the file says: set before where it is not read again, and afterwards where there are
  // providers.
  std::shared_ptr<const config::Loaded> file;
  std::optional<provider::Joined> joined;  // with providers
};

}  // namespace weir::server
