#include "weir/config/digest.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "weir/config/loader.hpp"

namespace weir::config {
namespace {

using Names = std::vector<std::string>;

Config config(const std::string& text) {
  auto out = load_text(text);
  EXPECT_TRUE(out) << (out ? "" : out.error().front().to_string());
  return out ? std::move(out->config) : Config();
}

ConfigChanges between(const std::string& before, const std::string& after) {
  return compare(digest_of(config(before)), digest_of(config(after)));
}

const std::string base = R"(
listeners: [{name: http, bind: "127.0.0.1:1"}]
middleware:
  few: {rate_limit: {rate: 5/s, key: client_ip}}
routes:
  - {name: a, match: {path: /a}, upstream: one, middleware: [few]}
  - {name: b, match: {path: /b}, upstream: one}
upstreams:
  one: {endpoints: [{address: "127.0.0.1:2"}]}
)";

std::string base_with(const std::string& from, const std::string& to) {
  std::string out = base;
  const std::size_t at = out.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return out.replace(at, from.size(), to);
}

TEST(ConfigDigests, OfTheSameThereAreNone) {
  EXPECT_TRUE(between(base, base).empty());
  EXPECT_TRUE(between(base, base_with("path: /a}", "path: \"/a\"}")).empty())
      << "how it is written";
}

TEST(ConfigDigests, AreToldByName) {
  const ConfigChanges route = between(base, base_with("path: /b}", "path: /c}"));
  EXPECT_EQ(route.routes.changed, Names{"b"});
  EXPECT_TRUE(route.upstreams.empty() && route.listeners.empty() && route.middleware.empty());
  EXPECT_TRUE(route.sections.empty());
  EXPECT_FALSE(route.route_order);

  const ConfigChanges renamed = between(base, base_with("{name: b,", "{name: c,"));
  EXPECT_EQ(renamed.routes.added, Names{"c"});
  EXPECT_EQ(renamed.routes.removed, Names{"b"});
  EXPECT_FALSE(renamed.route_order);

  EXPECT_EQ(between(base, base_with("rate: 5/s", "rate: 6/s")).middleware.changed, Names{"few"});
  EXPECT_EQ(between(base, base_with("127.0.0.1:2", "127.0.0.1:3")).upstreams.changed, Names{"one"});
  EXPECT_EQ(between(base, base_with("127.0.0.1:1", "127.0.0.1:3")).listeners.changed,
            Names{"http"});
  EXPECT_EQ(between(base, base + "server: {drain_timeout: 1s}\nlog: {level: debug}\n").sections,
            (Names{"log", "server"}));
}

TEST(ConfigDigests, TheOrderOfRoutesIsOne) {
  const std::string swapped = R"(
listeners: [{name: http, bind: "127.0.0.1:1"}]
middleware:
  few: {rate_limit: {rate: 5/s, key: client_ip}}
routes:
  - {name: b, match: {path: /b}, upstream: one}
  - {name: a, match: {path: /a}, upstream: one, middleware: [few]}
upstreams:
  one: {endpoints: [{address: "127.0.0.1:2"}]}
)";
  const ConfigChanges changes = between(base, swapped);
  EXPECT_TRUE(changes.route_order);
  EXPECT_TRUE(changes.routes.empty());
}

TEST(ConfigDigests, InlineMiddlewareIsItsRoutes) {
  const ConfigChanges changes =
      between(base, base_with("path: /b}, upstream: one",
                              "path: /b}, upstream: one, "
                              "middleware: [{body_limit: {size: 1KiB}}]"));
  EXPECT_EQ(changes.routes.changed, Names{"b"});
  EXPECT_TRUE(changes.middleware.empty());
}

}  // namespace
}  // namespace weir::config
