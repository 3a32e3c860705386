// What the demo prints to try: lines for a shell, each with what it shows. Pure; any thread.
#pragma once

#include <array>
#include <string>

namespace weir::app {

struct DemoAddresses {
  std::string gateway;
  std::string admin;                    // "" for off
  std::array<std::string, 2> backends;  // v1, v2
  std::string token_file;               // for curl -H @FILE
  std::string program;                  // how weir is called
};

// With a heading, and lines of at most 100 columns as long as addresses and files are no longer
// than those of the defaults. Each line to try begins with two spaces and the command, and its
// meaning stands behind "  # ".
std::string demo_hints(const DemoAddresses& addresses);

// Which keys there are.
std::string demo_keys();

}  // namespace weir::app
