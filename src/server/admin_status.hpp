// GET /status: how the gateway is, and what an operator should look at. Main thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/admin_answer.hpp"
#include "weir/server/server.hpp"

namespace weir::server {

AdminAnswer show_status(Server& server);

// What an operator should look at. docs/operations.md lists the names.
struct StatusWarning {
  std::string_view name;  // a literal
  std::string text;       // a sentence, a line
};

// Of the process itself: what routes and upstreams are warned of comes on top. Pure.
std::vector<StatusWarning> process_warnings(const Status& status, WallClock::time_point now);

}  // namespace weir::server
