// The addresses that stand behind what a person types for a server.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "weir/base/ip.hpp"
#include "weir/base/time.hpp"

namespace weir::app {

// IP:port and unix:PATH are themselves; the host of NAME:port is looked up, on a thread that is
// left behind when it takes longer than `at_most`. At least one address, or why there is none. Any
// thread; blocks.
std::expected<std::vector<SocketAddress>, std::string> host_addresses(const std::string& text,
                                                                      Duration at_most);

}  // namespace weir::app
