// The tests that a configuration has: each request is explained, not sent, and what would become of
// it is compared with what the file expects. Time stands still meanwhile; limits, breakers and
// endpoints are as they are before the first request; tokens, passwords and what another service is
// asked are taken for good. Any thread.
#pragma once

#include <string>
#include <vector>

#include "weir/config/model.hpp"
#include "weir/config/problem.hpp"
#include "weir/route/route_table.hpp"

namespace weir::server {

struct TestMismatch {
  std::string what;  // the key of `expect`: "route", "request_headers.x-edge"
  std::string expected;
  std::string got;
};

struct TestResult {
  const config::RouteTest* test = nullptr;  // the configuration's
  std::vector<TestMismatch> mismatches;     // none: it passed

  bool passed() const noexcept { return mismatches.empty(); }
};

// In the file's order. `table` is that of `config`.
std::vector<TestResult> run_tests(const config::Config& config, const route::RouteTable& table);

// An error for each test that failed, at its place.
std::vector<config::Problem> failed_tests(const config::Config& config,
                                          const route::RouteTable& table);

}  // namespace weir::server
