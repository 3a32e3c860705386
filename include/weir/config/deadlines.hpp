// server.deadline as a plain struct; each initialiser is the default. Built by the loader, then
// const.
#pragma once

#include <cstdint>

namespace weir::config {

// Whether upstreams are told what is left: on, where the request told a time; always, of the
// route's own limits, too.
enum class TellDeadline : std::uint8_t { off, on, always };

struct Deadlines {
  // accept
  bool grpc_timeout = true;
  bool request_timeout = true;
  TellDeadline send = TellDeadline::on;
  // Refuse a request that has less time left than half of its upstream's answers take.
  bool refuse_hopeless = false;
};

}  // namespace weir::config
