// upstreams.NAME.health_check and .outlier_detection as plain structs; each initialiser is the
// default. Built by the loader, then const.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/time.hpp"
#include "weir/config/place.hpp"

namespace weir::config {

// `grpc` is grpc.health.v1.Health/Check; `tcp` a connect and nothing else.
enum class HealthCheckType : std::uint8_t { http, grpc, tcp };

struct StatusRange {
  std::uint16_t first = 200;
  std::uint16_t last = 399;  // not below `first`

  friend bool operator==(const StatusRange&, const StatusRange&) = default;
};

struct HealthCheck {
  HealthCheckType type = HealthCheckType::http;
  std::string path = "/healthz";  // with its query
  std::string method = "GET";
  std::string host;        // "": the endpoint's address
  std::uint16_t port = 0;  // 0: the endpoint's
  std::vector<std::pair<std::string, std::string>> headers;
  std::string service;  // of gRPC; "": the server as a whole
  Duration interval = 5s;
  double jitter = 0.2;  // share of the interval, 0..1
  Duration timeout = 1s;
  std::uint32_t healthy_after = 2;
  std::uint32_t unhealthy_after = 3;
  std::vector<StatusRange> expect{StatusRange{}};
  std::string body;  // that the content must have; "": any

  friend bool operator==(const HealthCheck&, const HealthCheck&) = default;
};

struct OutlierDetection {
  std::uint32_t consecutive_errors = 5;  // 0: they eject nobody
  double failure_share = 0;              // 0..1; 0: it ejects nobody
  std::uint32_t minimum_requests = 50;
  Duration interval = 10s;
  Duration ejection_time = 30s;
  Duration max_ejection_time = 300s;
  double max_ejected = 0.5;  // share
};

}  // namespace weir::config
