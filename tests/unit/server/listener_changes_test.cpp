#include "server/listener_changes.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::server {
namespace {

using Names = std::vector<std::string>;

std::vector<config::Listener> listeners(const std::string& text) {
  auto out =
      config::load_text("listeners:\n" + text + "routes: [{name: r, match: {}, respond: {}}]\n");
  EXPECT_TRUE(out) << (out ? "" : out.error().front().to_string());
  return out ? out->config.listeners : std::vector<config::Listener>();
}

constexpr const char* running = R"(
  - {name: a, bind: "127.0.0.1:1"}
  - name: b
    bind: "127.0.0.1:2"
    limits: {header_size: 30KiB}
    tls: {certificates: [{cert: a.crt, key: a.key}, {cert: b.crt, key: b.key}]}
)";

TEST(ListenerChanges, AreFoundByName) {
  struct Row {
    const char* name;
    const char* listeners;
    Names added, removed, changed;
    const char* text;
  };
  const Row rows[] = {
      {"nothing", running, {}, {}, {}, ""},
      {"only how it is written, and in which order",
       R"(
  - {name: b, bind: "127.0.0.1:2", limits: {header_size: 30KiB},
     tls: {certificates: [{cert: a.crt, key: a.key}, {cert: b.crt, key: b.key}]}}
  - bind: "127.0.0.1:1"
    protocols: [http1]
    limits: {header_timeout: 10000ms}
    name: "a"
)",
       {},
       {},
       {},
       ""},
      {"an address, and a file of a list",
       R"(
  - {name: a, bind: "127.0.0.1:9"}
  - name: b
    bind: "127.0.0.1:2"
    limits: {header_size: 30KiB}
    tls: {certificates: [{cert: a.crt, key: a.key}, {cert: b.crt, key: c.key}]}
)",
       {},
       {},
       {"a", "b"},
       "listeners ~2"},
      {"another name on the same address, and one gone",
       R"(
  - {name: web, bind: "127.0.0.1:1"}
)",
       {"web"},
       {"a", "b"},
       {},
       "listeners +1 -2"},
      {"one of each",
       R"(
  - {name: c, bind: "127.0.0.1:3"}
  - {name: a, bind: "127.0.0.1:1", limits: {idle_timeout: 1s}}
)",
       {"c"},
       {"b"},
       {"a"},
       "listeners +1 -1 ~1"},
  };
  const std::vector<config::Listener> before = listeners(running);
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const ListenerChanges changes = listener_changes(before, listeners(row.listeners));
    EXPECT_EQ(changes.added, row.added);
    EXPECT_EQ(changes.removed, row.removed);
    EXPECT_EQ(changes.changed, row.changed);
    EXPECT_EQ(changes.to_string(), row.text);
    EXPECT_EQ(changes.empty(), changes.to_string().empty());
  }
}

TEST(ListenerChanges, SameHandshakesKeepTheirTickets) {
  const auto one = [](const std::string& more) {
    return listeners("  - {name: a, bind: '127.0.0.1:1', " + more + "}\n").front();
  };
  const std::string tls = "tls: {certificates: [{cert: a.crt, key: a.key}]}";
  const config::Listener before = one(tls);
  EXPECT_TRUE(same_handshakes(before, one(tls)));
  EXPECT_TRUE(same_handshakes(before, one(tls + ", limits: {idle_timeout: 1s}")));
  EXPECT_TRUE(same_handshakes(
      before, one("tls: {certificates: [{cert: a.crt, key: a.key}], hsts: {max_age: 1d}}")));
  EXPECT_FALSE(same_handshakes(before, one(tls + ", protocols: [http1]")));
  EXPECT_FALSE(same_handshakes(before, one("tls: {certificates: [{cert: b.crt, key: a.key}]}")));
  EXPECT_FALSE(same_handshakes(
      before, one("tls: {certificates: [{cert: a.crt, key: a.key}], min_version: '1.3'}")));
  EXPECT_FALSE(same_handshakes(before, one("protocols: [http1]")));
}

}  // namespace
}  // namespace weir::server
