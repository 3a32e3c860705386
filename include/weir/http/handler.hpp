// Who answers requests. Failures are answers too: handle() always returns a Response and throws
// only bad_alloc.
#pragma once

#include "weir/base/task.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"

namespace weir {

class Handler {
 public:
  virtual ~Handler() = default;
  // Returns at the response's head; its body is pulled afterwards by the codec.
  // `request` and `exchange` outlive the response's body.
  virtual Task<Response> handle(Request& request, Exchange& exchange) = 0;
};

// What a codec calls for a connection: the gateway.
class ServerHandler : public Handler {
 public:
  // The answer to bytes that never became a request, or to one whose content failed before there
  // was an answer. The exchange may have no facts but its connection.
  virtual Response refuse(const Error& error, Exchange& exchange) = 0;
  // The exchange is over and its parts have settled. Called once, also for one that bad_alloc ended
  // before handle() or refuse().
  virtual void completed(const Request& request, Exchange& exchange,
                         const Outcome& outcome) noexcept = 0;
};

}  // namespace weir
