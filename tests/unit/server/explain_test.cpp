#include "weir/server/explain.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "weir/config/loader.hpp"
#include "weir/server/snapshot.hpp"

namespace weir::server {
namespace {

constexpr const char* yaml = R"(
version: 1
trusted_proxies: [10.0.0.0/8]
listeners:
  - {name: public, bind: "127.0.0.1:8080"}
  - {name: inside, bind: "127.0.0.1:8081", limits: {empty_segments: keep}}
middleware:
  office: {ip_filter: {allow: [192.0.2.0/24]}}
routes:
  - name: orders
    match: {host: shop.example, path: "/orders/{id}", methods: [GET]}
    upstream: orders
    rewrite: {path: "/v1/{id}"}
    fallback: {conditions: [circuit_open, pool_full], upstream: others}
    timeout: 3s
  - name: office
    match: {path_prefix: /office}
    middleware: [office]
    respond: {status: 200, body: hello}
  - name: moved
    match: {path_prefix: /old}
    redirect: {status: 308, to: "/new{rest}"}
  - name: parted
    match: {path: /parted}
    split: [{upstream: orders, weight: 3}, {upstream: others, weight: 1}]
    retry: {retries: 2, try_timeout: 500ms, max_body: 1KiB, idempotency_key: true}
  - {name: single, match: {path: /single}, upstream: orders, retry: off}
upstreams:
  orders: {endpoints: [{address: "127.0.0.1:9001"}]}
  others: {endpoints: [{address: "127.0.0.1:9002"}, {address: "127.0.0.1:9003"}]}
)";

class ExplainTest : public testing::Test {
 protected:
  ExplainTest() {
    auto loaded = config::load_text(yaml);
    EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().front().to_string());
    if (loaded) config_ = std::move(loaded->config);
  }

  std::expected<Explanation, std::string> ask(const ExplainRequest& request) {
    auto table = compile_table(config_);
    if (!table) return std::unexpected("the table does not compile");
    return explain(config_, *table, request);
  }
  // The text of a step, "(none)" when it is not there.
  static std::string step(const Explanation& explanation, std::string_view what) {
    for (const Explanation::Step& one : explanation.steps) {
      if (one.what == what) return one.text;
    }
    return "(none)";
  }

  config::Config config_;
};

TEST_F(ExplainTest, HowARequestWouldBeTreated) {
  using Headers = std::vector<std::pair<std::string, std::string>>;
  struct Row {
    const char* name;
    ExplainRequest asked;
    bool routed;
    int status;
    const char* step;
    const char* text;  // a part of it
  };
  const auto get = [](std::string url, Headers headers = {}, std::string from = "",
                      std::string listener = "") {
    return ExplainRequest{"GET", std::move(url), std::move(headers), std::move(from),
                          std::move(listener)};
  };
  const Row rows[] = {
      {"to the upstream", get("http://shop.example/orders/7"), true, 0, "upstream",
       "upstream orders"},
      {"its fallback", get("http://shop.example/orders/7"), true, 0, "fallback",
       "upstream others for circuit_open, pool_full"},
      {"the fallback's endpoints", get("http://shop.example/orders/7"), true, 0, "endpoints others",
       "127.0.0.1:9003"},
      {"only connects without a rule", get("http://shop.example/orders/7"), true, 0, "retry",
       "a failed connect goes to another endpoint, 3 at most"},
      {"no failover", get("/single"), true, 0, "retry",
       "off: a failed connect goes to no other endpoint"},
      {"retries", get("/parted"), true, 0, "retry",
       "2 more tries for connect, reset, timeout, 502, 503, 504; it waits up to 0.025s, at most "
       "0.25s; each try has 0.5s to its answer's head; a failed connect"},
      {"a method that is not retried",
       {"POST", "/parted", {}, "", ""},
       true,
       0,
       "retry",
       "of POST only what no upstream has seen, since `methods` has idempotent and it has no "
       "Idempotency-Key"},
      {"one that may be",
       {"POST", "/parted", {{"Idempotency-Key", "7"}}, "", ""},
       true,
       0,
       "retry",
       "its answer's head; a failed connect"},
      {"more content than is kept",
       {"PUT", "/parted", {{"Content-Length", "1025"}}, "", ""},
       true,
       0,
       "retry",
       "1025 bytes are more than `max_body` keeps, 1024"},
      {"the budget of each", get("/parted"), true, 0, "retry_budget others",
       "20% of the requests in flight, but always 3"},
      {"no budget without retries", get("/single"), true, 0, "retry_budget orders", "(none)"},
      {"rewritten", get("http://shop.example/orders/7"), true, 0, "rewrite", "/v1/7"},
      {"its time", get("http://shop.example/orders/7"), true, 0, "timeout", "3s"},
      {"its endpoints", get("http://shop.example/orders/7"), true, 0, "endpoints orders",
       "127.0.0.1:9001"},
      {"the host's case and port do not count", get("HTTP://SHOP.example.:81/orders/7"), true, 0,
       "route", "orders"},
      {"the host as a field", get("/orders/7", {{"Host", "shop.example"}}), true, 0, "route",
       "orders"},
      {"a URL that is only a host", get("http://shop.example"), false, 404, "answer", "no_route"},
      {"another host", get("/orders/7"), false, 404, "answer", "no_route"},
      {"another method",
       {"PUT", "http://shop.example/orders/7", {}, "", ""},
       false,
       405,
       "answer",
       "GET, HEAD"},
      {"TRACE", {"TRACE", "/", {}, "", ""}, false, 501, "answer", "not_implemented"},
      {"a path to be normalised", get("//old/./x/../y"), true, 308, "redirect", "/new/y"},
      {"a path beyond its root", get("/../x"), false, 400, "answer", "bad_request"},
      {"an encoded slash", get("/old/a%2Fb"), false, 400, "answer", "encoded slash"},
      {"an answer of ours", get("/office", {}, "192.0.2.7"), true, 200, "respond", "200"},
      {"an address that is not let in", get("/office", {}, "198.51.100.1"), false, 403,
       "middleware office", "denied"},
      {"a trusted proxy's client", get("/office", {{"X-Forwarded-For", "192.0.2.7"}}, "10.1.2.3"),
       true, 200, "client", "192.0.2.7 (told by a trusted proxy)"},
      {"a client that only says so",
       get("/office", {{"X-Forwarded-For", "192.0.2.7"}}, "198.51.100.1"), false, 403, "client",
       "198.51.100.1"},
      {"a split", get("/parted"), true, 0, "upstream", "split orders 75%, others 25%"},
      {"its balancer", get("http://shop.example/orders/7"), true, 0, "load_balancer orders",
       "round_robin"},
      {"a split's endpoints", get("/parted"), true, 0, "endpoints others",
       "127.0.0.1:9002, 127.0.0.1:9003"},
      {"the first listener", get("/old"), true, 308, "listener", "public at 127.0.0.1:8080"},
      {"another listener", get("/old", {}, "", "inside"), true, 308, "listener",
       "inside at 127.0.0.1:8081"},
      {"its own rule for empty segments", get("/old//x", {}, "", "inside"), true, 308, "redirect",
       "/new//x"},
      {"a nearer one that did not match", get("/orders/7"), false, 404, "not orders", ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const auto got = ask(row.asked);
    if (!got) {
      ADD_FAILURE() << got.error();
      continue;
    }
    EXPECT_EQ(got->routed, row.routed);
    EXPECT_EQ(got->status, row.status);
    if (row.text != std::string_view("(none)")) {
      EXPECT_NE(step(*got, row.step), "(none)") << got->to_text();
    }
    EXPECT_NE(step(*got, row.step).find(row.text), std::string::npos) << got->to_text();
  }
}

TEST_F(ExplainTest, QuestionsThatMakeNoSense) {
  struct Row {
    const char* name;
    ExplainRequest asked;
    const char* error;
  };
  const Row rows[] = {
      {"no URL", {"GET", "", {}, "", ""}, "not an absolute URL or a path: "},
      {"no URL either", {"GET", "shop.example/x", {}, "", ""}, "not an absolute URL or a path"},
      {"a URL without a host", {"GET", "http:///x", {}, "", ""}, "not an absolute URL or a path"},
      {"another scheme", {"GET", "ftp://x/", {}, "", ""}, "not an absolute URL or a path"},
      {"no method", {"", "/", {}, "", ""}, "not a method"},
      {"a method of two words", {"GET /x", "/", {}, "", ""}, "not a method"},
      {"a field name with a line end", {"GET", "/", {{"a\r\nb", "1"}}, "", ""}, "not a field name"},
      {"a field value with a line end",
       {"GET", "/", {{"a", "1\r\nb: 2"}}, "", ""},
       "not a field value: that of a"},
      {"no address", {"GET", "/", {}, "localhost", ""}, "not an address"},
      {"no such listener", {"GET", "/", {}, "", "outside"}, "no such listener: outside"},
  };
  for (const Row& row : rows) {
    const auto got = ask(row.asked);
    EXPECT_FALSE(got) << row.name;
    if (!got) {
      EXPECT_TRUE(got.error().starts_with(row.error)) << got.error();
    }
  }
}

TEST(ExplanationText, AsTextAndAsJson) {
  Explanation explanation;
  explanation.steps = {{"path", "/a"}, {"route", "a \"quoted\" one"}};
  explanation.routed = true;
  explanation.status = 200;
  EXPECT_EQ(explanation.to_text(),
            "path                     /a\nroute                    a \"quoted\" one\n");
  EXPECT_EQ(explanation.to_json(),
            R"({"routed":true,"status":200,"steps":[{"step":"path","text":"/a"},)"
            R"({"step":"route","text":"a \"quoted\" one"}]})");
  EXPECT_EQ(Explanation().to_json(), R"({"routed":false,"status":0,"steps":[]})");
}

TEST(MatchText, NamesEachCondition) {
  config::Match match;
  EXPECT_EQ(match_text(match), "/*");
  match.path_kind = config::PathKind::exact;
  match.path = "/orders/{id}";
  match.hosts = {"shop.example", "*.shop.example"};
  match.methods = {"GET", "POST"};
  match.scheme = "https";
  using Kind = config::ValueMatch::Kind;
  match.headers = {{"x-a", Kind::equals, "1", {}}, {"x-b", Kind::present, "", {}}};
  match.query = {{"q", Kind::regex, "a+", {}}, {"r", Kind::absent, "", {}}};
  match.listeners = {"public"};
  EXPECT_EQ(match_text(match),
            "GET,POST https shop.example,*.shop.example /orders/{id} header x-a=1 "
            "header x-b present query q~a+ query r absent on public");
}

TEST(MatchText, PathsByTheirKind) {
  struct Row {
    config::PathKind kind;
    const char* path;
    const char* text;
  };
  const Row rows[] = {
      {config::PathKind::prefix, "/a", "/a/*"},
      {config::PathKind::prefix, "/a/", "/a/*"},
      {config::PathKind::prefix, "/", "/*"},
      {config::PathKind::exact, "/a", "/a"},
      {config::PathKind::regex, "/a[0-9]+", "~/a[0-9]+"},
  };
  for (const Row& row : rows) {
    config::Match match;
    match.path_kind = row.kind;
    match.path = row.path;
    EXPECT_EQ(match_text(match), row.text);
  }
}

}  // namespace
}  // namespace weir::server
