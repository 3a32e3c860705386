// A request of the access log as a line for people, as `weir tail` and the demo print it. Pure; any
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "app/terminal.hpp"

namespace weir::app {

// The fields of the access log that a line shows or a filter asks for; "" for one that is absent.
struct LoggedRequest {
  std::string time;  // RFC 3339, UTC
  std::string method;
  std::string host;
  std::string path;
  std::string query;
  std::string reason;
  std::string route;
  std::string upstream;
  std::string endpoint;
  std::string listener;
  std::string client_ip;
  std::string peer;  // with its port
  std::string user_agent;
  std::string referer;
  std::uint64_t bytes_in = 0;
  int status = 0;  // 0: nothing was answered
  double duration_ms = 0;
};

// What a line of the access log says.
struct LoggedLine {
  std::optional<LoggedRequest> request;  // nothing for a line that is no request's
  std::uint64_t lost = 0;                // of {"lost":N}: so many requests were left out here
};
// `json`: a line without its end. Anything else than an object of JSON is a line about nothing.
LoggedLine parse_logged_line(std::string_view json);

struct RequestLineFormat {
  bool with_host = true;
  std::size_t width = 0;  // the line's columns at most; 0: as long as it is
};

// Without an end of line:
//
//   18:52:03.123  200     1.2 ms  GET   api.example.com/orders/7  orders  v2 10.0.1.1:8080
//   18:52:03.401  429     0.1 ms  GET   api.example.com/orders/8  rate_limited  orders
//
// Times are UTC. What a client or a configuration said is ASCII without control characters, other
// bytes as \xHH. Where the width does not suffice, the path is cut first, to 24 columns, and then
// the line's end.
std::string request_line(const LoggedRequest& request, const Paint& paint,
                         const RequestLineFormat& format = {});

}  // namespace weir::app
