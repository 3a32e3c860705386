#include "server/reload_rules.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::server {
namespace {

using Lines = std::vector<std::string>;

config::Loaded loaded(const std::string& listeners) {
  auto out = config::load_text("listeners:\n" + listeners +
                               "routes: [{name: r, match: {}, respond: {}}]\n");
  EXPECT_TRUE(out) << (out ? "" : out.error().front().to_string());
  return out ? std::move(*out) : config::Loaded();
}

constexpr const char* running = R"(
  - {name: a, bind: "127.0.0.1:1"}
  - name: b
    bind: "127.0.0.1:2"
    limits: {header_size: 30KiB}
    tls: {certificates: [{cert: a.crt, key: a.key}, {cert: b.crt, key: b.key}]}
)";

TEST(ListenerChanges, NameTheirKeyAndItsPlace) {
  struct Row {
    const char* name;
    const char* listeners;
    Lines problems;
  };
  const std::string restart = "a change of this needs a restart";
  const Row rows[] = {
      {"nothing", running, {}},
      {"only how it is written",
       R"(
  - bind: "127.0.0.1:1"
    protocols: [http1]
    limits: {header_timeout: 10000ms}
    name: "a"
  - {name: b, bind: "127.0.0.1:2", limits: {header_size: 30KiB},
     tls: {certificates: [{cert: a.crt, key: a.key}, {cert: b.crt, key: b.key}]}}
)",
       {}},
      {"a limit, a file of a list, an address",
       R"(
  - {name: a, bind: "127.0.0.1:9"}
  - name: b
    bind: "127.0.0.1:2"
    limits: {header_size: 31KiB}
    tls: {certificates: [{cert: a.crt, key: a.key}, {cert: b.crt, key: c.key}]}
)",
       {"weir.yaml:3:21: listeners[0].bind: " + restart,
        "weir.yaml:6:27: listeners[1].limits.header_size: " + restart,
        "weir.yaml:7:72: listeners[1].tls.certificates[1].key: " + restart}},
      {"keys that are no longer there",
       R"(
  - {name: a, bind: "127.0.0.1:1"}
  - name: b
    bind: "127.0.0.1:2"
)",
       {"weir.yaml:4:5: listeners[1].limits.header_size: " + restart,
        "weir.yaml:4:5: listeners[1].tls: " + restart}},
      {"a certificate more",
       R"(
  - {name: a, bind: "127.0.0.1:1"}
  - name: b
    bind: "127.0.0.1:2"
    limits: {header_size: 30KiB}
    tls: {certificates: [{cert: a.crt, key: a.key}]}
)",
       {"weir.yaml:7:25: listeners[1].tls.certificates: " + restart}},
      {"another name",
       R"(
  - {name: web, bind: "127.0.0.1:1"}
  - name: b
    bind: "127.0.0.1:2"
    limits: {header_size: 30KiB}
    tls: {certificates: [{cert: a.crt, key: a.key}, {cert: b.crt, key: b.key}]}
)",
       {"weir.yaml:3:12: listeners[0].name: was 'a'; " + restart}},
      {"one gone, one come",
       R"(
  - name: b
    bind: "127.0.0.1:2"
    limits: {header_size: 30KiB}
    tls: {certificates: [{cert: a.crt, key: a.key}, {cert: b.crt, key: b.key}]}
  - {name: c, bind: "127.0.0.1:3"}
)",
       {"weir.yaml:7:5: listeners[1]: the listener 'c' is new; " + restart,
        "weir.yaml:1:1: listeners: the listener 'a' is no longer there; " + restart}},
      {"another order",
       R"(
  - name: b
    bind: "127.0.0.1:2"
    limits: {header_size: 30KiB}
    tls: {certificates: [{cert: a.crt, key: a.key}, {cert: b.crt, key: b.key}]}
  - {name: a, bind: "127.0.0.1:1"}
)",
       {"weir.yaml:1:1: listeners: their order has changed; " + restart}},
  };
  const config::Loaded now = loaded(running);
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Lines lines;
    for (const auto& one : listener_changes(loaded(row.listeners), now.config.listeners)) {
      lines.push_back(one.to_string());
    }
    EXPECT_EQ(lines, row.problems);
  }
}

TEST(ListenerChanges, ProtocolsThatFollowFromTlsAreNotNamed) {
  const config::Loaded now = loaded("  - {name: a, bind: '127.0.0.1:1'}\n");
  const auto changes = listener_changes(
      loaded("  - {name: a, bind: '127.0.0.1:1', tls: {certificates: [{cert: c, key: k}]}}\n"),
      now.config.listeners);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].path, "listeners[0].tls");
}

}  // namespace
}  // namespace weir::server
