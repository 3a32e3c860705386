// routes[].retry and upstreams.NAME.retry_budget as plain structs; each initialiser is the default.
// Built by the loader, then const.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weir/base/time.hpp"
#include "weir/config/place.hpp"

namespace weir::config {

// What a try comes to where another one follows.
struct RetryConditions {
  bool connect = true;
  bool reset = true;    // the connection was lost before the answer's head
  bool timeout = true;  // of the try
  std::vector<std::uint16_t> statuses{502, 503, 504};  // of 400 to 599
  std::vector<std::uint8_t> grpc;                      // codes of gRPC
};

// Whose requests are sent again after they may have been carried out.
struct RetryMethods {
  bool idempotent = true;  // those of RFC 9110 section 9.2.2
  bool all = false;
  std::vector<std::string> listed;  // these, too
};

struct RetryBackoff {
  Duration base = 25ms;
  Duration max = 250ms;
};

struct Retry {
  std::uint32_t retries = 1;
  RetryConditions conditions;
  RetryMethods methods;
  bool idempotency_key = false;       // a request with Idempotency-Key counts as idempotent
  Duration try_timeout = 0s;          // 0: none
  std::uint64_t max_body = 64 * KiB;  // bytes of a request's content that are kept; 0: none
  RetryBackoff backoff;
};

// As they are written, in the order in which they are printed.
std::vector<std::string> words_of(const RetryConditions& conditions);
std::vector<std::string> words_of(const RetryMethods& methods);

// How many retries an upstream gets at a time, from the whole process.
struct RetryBudget {
  double share = 0.2;  // of its requests in flight
  std::uint32_t min = 3;
};

}  // namespace weir::config
