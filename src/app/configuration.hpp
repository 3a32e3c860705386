// The configuration that a command was told to read: a file, a folder, or "-" for standard input.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "weir/config/loader.hpp"
#include "weir/server/server.hpp"

namespace weir::app {

// How messages call it: "<stdin>" for "-".
std::string shown_name(const std::string& config);

// Reads and checks it; standard input to its end, with relative file names starting at the current
// folder. `texts` receives what was read, for excerpts; may be null. Any thread; blocks.
std::expected<config::Loaded, std::vector<config::Problem>> load_configuration(
    const std::string& config, config::SourceTexts* texts = nullptr);

// For a server, which asks again at each reload. Standard input is read by the first call alone:
// every later one fails and says so. The first call leaves what it read in `texts`; may be null.
server::Server::Source configuration_source(
    const std::string& config, const std::shared_ptr<config::SourceTexts>& texts = nullptr);

}  // namespace weir::app
