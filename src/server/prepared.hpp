// A reload on its way.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/listening_plan.hpp"
#include "server/reloads.hpp"
#include "server/tls_files.hpp"
#include "weir/provider/joining.hpp"
#include "weir/server/server.hpp"
#include "weir/telemetry/access_log.hpp"

namespace weir::server {

// A configuration that was rolled back to.
struct Server::RollBack {
  std::uint64_t generation = 0;
  std::shared_ptr<const config::Origin> origin;
  // What the source said when that was asked for; none: it could not be read.
  std::optional<std::uint64_t> fingerprint;
};

// What is read for a configuration, beside its certificates.
struct Server::WatchedFiles {
  std::vector<config::ReadFile> read;
  std::string listed_folder;
};

// What came of a reload's first step; with problems nothing else is there.
struct Server::Prepared {
  Reloads::Wanted wanted;
  std::optional<RollBack> roll_back;  // in force or asked for; none: the source's word
  Problems problems;
  Problems warnings;
  std::shared_ptr<const Snapshot> snapshot;
  std::shared_ptr<const config::Origin> origin;  // of the snapshot's configuration
  std::optional<WatchedFiles> files;             // none: the source cannot be read
  TlsServers tls;
  std::optional<telemetry::LogTarget> access_log;  // when it goes to another place
  bool named = false;                              // its names were looked up
  std::unique_ptr<Listening::Plan> listeners;      // bound, not in force
  bool admin_moves = false;                        // to an address that is bound
  std::shared_ptr<const provider::Inputs> inputs;
  // What the file says: set before where it is not read again, and afterwards where there are
  // providers.
  std::shared_ptr<const config::Loaded> file;
  std::optional<provider::Joined> joined;  // with providers
};

}  // namespace weir::server
