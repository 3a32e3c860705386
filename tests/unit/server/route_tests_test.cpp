#include "weir/server/route_tests.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "weir/config/loader.hpp"
#include "weir/server/snapshot.hpp"

namespace weir::server {
namespace {

constexpr const char* base = R"(
version: 1
listeners:
  - {name: http, bind: "127.0.0.1:8080"}
  - {name: https, bind: "127.0.0.1:8443", tls: {certificates: [{cert: c, key: k}], hsts: {max_age: 1h}}}
middleware:
  office: {ip_filter: {allow: [192.0.2.0/24]}}
  pages: {cors: {origins: ["https://app.example"]}}
  marks: {headers: {response: {set: {x-from: "{route}"}}}}
routes:
  - name: orders
    match: {host: shop.example, path: "/orders/{id}", methods: [GET]}
    middleware: [pages, marks]
    rewrite: {path: "/v1/{id}", host: inside.example}
    request_headers: {set: {x-edge: weir, x-to: "{upstream}"}, remove: [x-debug]}
    response_headers: {remove: [x-powered-by], set: {x-last: "1"}}
    upstream: orders
  - {name: office, match: {path_prefix: /office}, middleware: [office, marks], respond: {status: 200}}
  - {name: moved, match: {path_prefix: /old}, redirect: {status: 307, to: "/new{rest}"}}
  - name: parted
    match: {path: /parted}
    split: [{upstream: orders, weight: 3}, {upstream: others, weight: 1}]
    override: {header: x-to, values: {new: others}}
upstreams:
  orders: {endpoints: [{address: "127.0.0.1:9001"}]}
  others: {endpoints: [{address: "127.0.0.1:9002"}]}
)";

// What failed: "route: expected a, got b" for each key.
std::vector<std::string> failures(const std::string& request, const std::string& expect) {
  const std::string yaml = fmt::format("{}tests:\n  - name: it\n    request: {}\n    expect: {}\n",
                                       base, request, expect);
  const auto loaded = config::load_text(yaml);
  if (!loaded) return {"error: " + loaded.error().front().to_string()};
  const auto table = compile_table(loaded->config);
  if (!table) return {"error: the table does not compile"};
  std::vector<std::string> out;
  for (const TestResult& result : run_tests(loaded->config, *table)) {
    for (const TestMismatch& each : result.mismatches) {
      out.push_back(each.what + ": expected " + each.expected + ", got " + each.got);
    }
  }
  EXPECT_EQ(failed_tests(loaded->config, *table).empty(), out.empty());
  return out;
}

using Lines = std::vector<std::string>;

TEST(RouteTests, WhatIsAsExpectedPasses) {
  constexpr const char* order = "{url: 'http://shop.example/orders/7', headers: {x-debug: a}}";
  struct Row {
    const char* request;
    const char* expect;
  };
  const Row rows[]{
      {order, "{route: orders, upstream: orders, path: /v1/7, host: inside.example}"},
      {order, "{split: [{upstream: orders}]}"},
      {order,
       "{request_headers: {x-edge: weir, x-to: orders, x-debug: {present: false}, via: {regex: "
       "'.*weir'}, x-forwarded-host: shop.example, x-real-ip: 127.0.0.1}}"},
      {order, "{response_headers: {x-from: orders, x-last: '1', vary: Origin}}"},
      {"{url: 'http://shop.example/orders/7', headers: {origin: 'https://app.example'}}",
       "{response_headers: {access-control-allow-origin: 'https://app.example'}}"},
      {"{method: OPTIONS, url: 'http://shop.example/orders/7', headers: {origin: "
       "'https://app.example', access-control-request-method: GET}}",
       "{route: orders, status: 204, response_headers: {access-control-allow-methods: 'GET, "
       "HEAD'}}"},
      {"{method: POST, url: 'http://shop.example/orders/7'}",
       "{route: '-', status: 405, reason: method_not_allowed, response_headers: {allow: {regex: "
       "'.*GET.*'}}}"},
      {"{url: /office/x, from: 192.0.2.7}", "{route: office, status: 200}"},
      {"{url: /office/x, from: 198.51.100.7}",
       "{route: office, status: 403, reason: ip_denied, response_headers: {content-type: "
       "application/problem+json, x-from: {present: false}}}"},
      {"{url: /old/a}", "{status: 307, redirect: /new/a, response_headers: {location: /new/a}}"},
      {"{url: /nowhere}", "{route: '-', status: 404, reason: no_route}"},
      {"{url: /parted}",
       "{split: [{upstream: others, weight: 25}, {upstream: orders, weight: 75}]}"},
      {"{url: /parted, headers: {x-to: new}}", "{upstream: others}"},
      {"{url: 'https://a.example/parted'}",
       "{response_headers: {strict-transport-security: {regex: 'max-age=3600.*'}}}"},
      {"{url: /parted, listener: https}", "{request_headers: {x-forwarded-proto: https}}"},
  };
  for (const Row& row : rows) EXPECT_EQ(failures(row.request, row.expect), Lines{}) << row.expect;
}

TEST(RouteTests, WhatIsNotAsExpectedIsTold) {
  struct Row {
    const char* request;
    const char* expect;
    Lines told;
  };
  const Row rows[]{
      {"{url: /office, from: 192.0.2.7}",
       "{route: moved, status: 404}",
       {"status: expected 404, got 200"}},
      {"{url: /parted}",
       "{upstream: orders}",
       {"upstream: expected orders, got one of a split: orders 75%, others 25%"}},
      {"{url: /parted}",
       "{split: [{upstream: orders}, {upstream: others}]}",
       {"split: expected orders 50%, others 50%, got orders 75%, others 25%"}},
      {"{url: /parted}",
       "{status: 200}",
       {"status: expected 200, got none, since an upstream answers"}},
      {"{url: /old}", "{path: /old}", {"path: expected /old, got none, Weir answers 307"}},
      {"{url: /office}",
       "{request_headers: {a: b}}",
       {"request_headers: expected a request to an upstream, got Weir answers 403 ip_denied"}},
      {"{url: /parted, headers: {x-a: [b, c]}}",
       "{request_headers: {x-a: d}}",
       {"request_headers.x-a: expected d, got b, c"}},
      {"{url: /parted}",
       "{redirect: /a, reason: shed}",
       {"reason: expected shed, got none, it is not refused",
        "redirect: expected /a, got no redirect, but it goes to one of a split: orders 75%, others "
        "25%"}},
  };
  for (const Row& row : rows) {
    Lines told = failures(row.request, row.expect);
    // What the nearest routes say is the route table's word.
    std::erase_if(told, [](const std::string& line) { return line.starts_with("route: "); });
    EXPECT_EQ(told, row.told) << row.expect;
  }
  const Lines route = failures("{url: /parted}", "{route: moved}");
  ASSERT_EQ(route.size(), 1u);
  EXPECT_TRUE(route.front().starts_with("route: expected moved, got parted")) << route.front();
}

TEST(RouteTests, AFailureIsAProblemAtItsPlace) {
  const auto loaded = config::load_text(fmt::format(
      "{}tests:\n  - {{name: it, request: {{url: /old}}, expect: {{status: 200}}}}\n", base));
  ASSERT_TRUE(loaded);
  const auto table = compile_table(loaded->config);
  ASSERT_TRUE(table);
  const auto problems = failed_tests(loaded->config, *table);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_FALSE(problems.front().is_warning());
  EXPECT_EQ(problems.front().path, "tests[0]");
  EXPECT_EQ(problems.front().message, "the test 'it' failed: status: expected 200, got 307");
  EXPECT_EQ(problems.front().place.line, 27);
}

}  // namespace
}  // namespace weir::server
