// The demo: the gateway on an embedded configuration with two sample backends inside the process.
// Main thread; the backends run on a thread of their own, and so does what the terminal shows.
#pragma once

#include <optional>
#include <string>

namespace weir::app {

struct DemoOptions {
  std::string bind = "127.0.0.1:8080";   // IP:port or unix:PATH
  std::string admin = "127.0.0.1:9901";  // the same, or "off"
  std::optional<bool> traffic;           // nothing: where stdout is a terminal
};

// Serves like run() and prints lines to try on stdout once everything listens. Where stdout is a
// terminal a line for people follows for each request, otherwise the access log; where stdin is
// one, too, keys do something. Exit as serve(); 2 also for an address that is none.
int demo(const DemoOptions& options);

}  // namespace weir::app
