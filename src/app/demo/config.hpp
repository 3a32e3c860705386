// The demo's configuration, embedded, and the folder in which the file that it names is. Main
// thread.
#pragma once

#include <array>
#include <expected>
#include <string>
#include <vector>

#include "weir/base/ip.hpp"
#include "weir/config/loader.hpp"

namespace weir::app {

// A new folder for the users file, removed at the end.
class DemoFolder {
 public:
  // Throws std::system_error.
  DemoFolder();
  ~DemoFolder();
  DemoFolder(const DemoFolder&) = delete;
  DemoFolder& operator=(const DemoFolder&) = delete;

  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

// What is known only when the demo starts.
struct DemoPlaces {
  std::string folder;
  SocketAddress bind;
  std::string admin;                    // "" for off
  std::array<std::string, 2> backends;  // addresses of v1 and v2
};

std::expected<config::Loaded, std::vector<config::Problem>> demo_config(const DemoPlaces& places);

}  // namespace weir::app
