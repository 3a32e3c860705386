// Tests in the configuration: a request, and what is to become of it. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/reason.hpp"
#include "weir/config/place.hpp"
#include "weir/config/value_match.hpp"

namespace weir::config {

struct TestRequest {
  std::string method = "GET";
  std::string url;                                           // absolute, or a path
  std::vector<std::pair<std::string, std::string>> headers;  // as written, repeated names too
  std::string from = "127.0.0.1";                            // the client's address
  std::string listener;     // name; "": the first that fits the URL's scheme
  std::string client_cert;  // the file with the client's certificate, as written; "" for none
  std::string client_pem;   // what stands in that file
};

// What is not asked for is empty.
struct TestExpectation {
  static constexpr std::string_view no_route = "-";
  struct Share {
    std::string upstream;
    std::uint32_t weight = 1;
  };

  std::string route;         // name; no_route: none takes it
  std::string upstream;      // who gets it
  std::vector<Share> split;  // who may get it, in shares of the sum
  int status = 0;            // of Weir's own answer
  Reason reason = Reason::none;
  std::string path;                          // that the upstream is asked for, without the query
  std::string host;                          // that the upstream is asked for
  std::vector<ValueMatch> request_headers;   // that the upstream gets
  std::vector<ValueMatch> response_headers;  // that Weir itself puts into the answer
  std::string redirect;                      // Location

  bool empty() const noexcept {
    return route.empty() && upstream.empty() && split.empty() && status == 0 &&
           reason == Reason::none && path.empty() && host.empty() && request_headers.empty() &&
           response_headers.empty() && redirect.empty();
  }
};

struct RouteTest {
  std::string name;
  TestRequest request;
  TestExpectation expect;
  Place place;
  std::string at;  // "tests[2]": where a Problem about it starts its path
};

}  // namespace weir::config
