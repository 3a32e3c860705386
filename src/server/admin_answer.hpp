// A request to the admin address and its answer, without the sockets.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/telemetry/access_tap.hpp"

namespace weir::server {

struct AdminRequest {
  std::string method;
  std::string path;        // percent-encoded, without the query
  std::string query = {};  // what follows its '?'
  std::string host;        // of Host, without port
  std::string authority;   // Host as sent
  std::string origin;
  std::string authorization;
  std::string content_type;
  std::string accept = {};           // of all its fields of that name
  std::string accept_encoding = {};  // likewise
  std::string body;
};

struct AdminAnswer {
  int status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers;
  // In place of a body: what this sees, until the peer leaves. Null in other answers.
  std::shared_ptr<telemetry::AccessWatch> watch = nullptr;
};

// application/problem+json like the answers of the gateway itself; `reason` is a word of its own.
AdminAnswer admin_problem(int status, std::string_view reason, std::string_view detail);

}  // namespace weir::server
