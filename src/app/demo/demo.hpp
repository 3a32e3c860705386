// The demo: the gateway on an embedded configuration with two sample backends inside the process.
// Main thread; the backends run on a thread of their own.
#pragma once

#include <string>

namespace weir::app {

// Serves like run() on `bind`, with the admin address `admin` ("off" for none), both IP:port or
// unix:PATH; prints URLs to try on stdout once everything listens. Exit as serve(); 2 also for an
// address that is none.
int demo(const std::string& bind, const std::string& admin);

}  // namespace weir::app
