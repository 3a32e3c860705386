// Spans of requests: where they go, and of which requests they are.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/time.hpp"
#include "weir/config/tls.hpp"

namespace weir::config {

struct OtlpTls {
  File ca;  // none: the system's
  File cert;
  File key;
  bool verify = true;
  friend bool operator==(const OtlpTls&, const OtlpTls&) = default;
};

// The receiver: a collector that speaks OTLP over HTTP.
struct Otlp {
  std::string endpoint = "http://127.0.0.1:4318";  // without "/v1/traces" and the '/' before it
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<OtlpTls> tls;                  // only for https
  Duration timeout = std::chrono::seconds(5);  // of one export
  friend bool operator==(const Otlp&, const Otlp&) = default;
};

struct Tracing {
  Otlp otlp;
  double sample = 0.01;  // share, 0..1
  bool keep_errors = false;
  Duration keep_slower_than{};  // 0: nothing is slow
  std::string service = "weir";
  bool w3c = true;  // propagate
  bool b3 = true;
  std::vector<std::pair<std::string, std::string>> attributes;  // of the resource
  std::uint64_t queue = 8192;  // spans that may wait, those on their way included
};

// A route's own word.
struct RouteTracing {
  bool on = true;
  std::optional<double> sample;  // none: the gateway's
};

}  // namespace weir::config
