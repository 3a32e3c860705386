// A route's `retry`, compiled: which tries are followed by another one, and whose. Pure; const,
// any thread.
#pragma once

#include <bitset>
#include <cstddef>
#include <string>
#include <vector>

#include "weir/base/grpc_status.hpp"
#include "weir/base/reason.hpp"
#include "weir/base/time.hpp"
#include "weir/config/retry.hpp"
#include "weir/http/head.hpp"
#include "weir/http/method.hpp"

namespace weir::proxy {

// What a try came to.
struct EndedTry {
  Reason failure = Reason::none;     // why there is no final head; none: one came
  bool connected = true;             // there was a connection for it
  bool unsent = false;               // no byte of the request has left us
  bool touched = false;              // a byte of an answer came, or a reset of the request alone
  bool refused = false;              // the upstream says that it has not looked at the request
  bool reused = false;               // its connection had carried another request
  int status = 0;                    // of the final head
  GrpcStatus grpc = no_grpc_status;  // in a head without content
};

struct RetryRule {
  RetryRule() = default;
  explicit RetryRule(const config::Retry& retry);

  // One of its conditions is met.
  constexpr bool holds(const EndedTry& ended) const noexcept {
    switch (ended.failure) {
      case Reason::none:
        return (ended.status >= 400 && ended.status <= 599 &&
                statuses[static_cast<std::size_t>(ended.status) - 400]) ||
               (ended.grpc > 0 && static_cast<std::size_t>(ended.grpc) < grpc.size() &&
                grpc[static_cast<std::size_t>(ended.grpc)]);
      case Reason::connect_failed:
      case Reason::connect_timeout:
      case Reason::upstream_tls_failed:
        return connect;
      case Reason::upstream_reset:
        return ended.unsent ? connect : reset;
      case Reason::upstream_bad_response:
        // Of a connect: what answered speaks no HTTP/2.
        return !ended.connected && connect;
      case Reason::request_timeout:
      case Reason::try_timeout:
        return timeout;
      default:
        return false;
    }
  }
  // The request may be carried out twice.
  bool allows(const RequestHead& head) const noexcept;

  unsigned retries = 0;
  bool connect = false;
  bool reset = false;
  bool timeout = false;
  std::bitset<200> statuses;  // of 400 to 599
  std::bitset<grpc_code_count> grpc;
  bool all_methods = false;
  bool idempotent = false;
  std::bitset<method_count> methods;
  std::vector<std::string> other_methods;  // those of Method::other
  bool idempotency_key = false;
  Duration try_timeout{};    // zero: none
  std::size_t max_body = 0;  // bytes
  Duration backoff_base{};
  Duration backoff_max{};
};

}  // namespace weir::proxy
