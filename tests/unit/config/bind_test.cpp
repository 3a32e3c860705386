#include "weir/config/bind.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "weir/config/loader.hpp"

namespace weir::config {
namespace {

std::string with_listeners(const std::string& listeners) {
  return "version: 1\nadmin: {bind: \"127.0.0.1:9901\"}\nlisteners: " + listeners +
         "\nroutes: [{name: r, match: {path_prefix: /}, respond: {status: 200}}]\n";
}

std::vector<std::string> problems(const std::string& listeners) {
  std::vector<std::string> out;
  const auto loaded = load_text(with_listeners(listeners), "weir.yaml", "");
  if (!loaded) {
    for (const Problem& one : loaded.error()) out.push_back(one.to_string());
  } else {
    for (const Problem& one : loaded->warnings) out.push_back(one.to_string());
  }
  return out;
}

TEST(Bind, OneAddressOrSeveral) {
  const auto loaded = load_text(
      with_listeners("[{name: a, bind: \"*:8080\"}, "
                     "{name: b, bind: [\"127.0.0.1:1\", \"[::1]:1\", \"unix:/run/b.sock\"]}]"),
      "weir.yaml");
  ASSERT_TRUE(loaded);
  const Bind& both = loaded->config.listeners[0].bind;
  ASSERT_EQ(both.addresses().size(), 1u);
  EXPECT_TRUE(both.addresses().front().both_families);
  EXPECT_EQ(both.addresses().front().address.to_string(), "[::]:8080");
  EXPECT_EQ(both.to_string(), "*:8080");
  const Bind& list = loaded->config.listeners[1].bind;
  EXPECT_EQ(list.addresses().size(), 3u);
  EXPECT_EQ(list.to_string(), "127.0.0.1:1, [::1]:1, unix:/run/b.sock");
  EXPECT_FALSE(list.is_unix());
  EXPECT_TRUE(loaded->warnings.empty());
  // And it is printed as it may be written.
  const auto again = load_text(to_yaml(loaded->config), "weir.yaml", "");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->config.listeners[0].bind, both);
  EXPECT_EQ(again->config.listeners[1].bind, list);
}

TEST(Bind, IsRefusedWhereItIsNoAddress) {
  struct Row {
    const char* listeners;
    const char* problem;
  };
  const Row rows[] = {
      {"[{name: a, bind: []}]", "at least one address"},
      {"[{name: a, bind: [\"127.0.0.1:1\", \"127.0.0.1:1\"]}]", "'127.0.0.1:1' is given twice"},
      {"[{name: a, bind: \"*\"}]", "'*' is not IP:port"},
      {"[{name: a, bind: \"*:x\"}]", "'*:x' is not IP:port"},
      {"[{name: a, bind: \"*:1\"}, {name: b, bind: \"0.0.0.0:1\"}]",
       "listeners[1].bind: the address 0.0.0.0:1 is already taken"},
      {"[{name: a, bind: \"[::]:1\"}, {name: b, bind: \"*:1\"}]",
       "listeners[1].bind: the address *:1 is already taken"},
      {"[{name: a, bind: [\"127.0.0.1:2\", \"127.0.0.1:9901\"]}]",
       "listeners[0].bind: the address 127.0.0.1:9901 is already taken"},
  };
  for (const Row& row : rows) {
    const std::vector<std::string> found = problems(row.listeners);
    ASSERT_EQ(found.size(), 1u) << row.listeners;
    EXPECT_NE(found.front().find(row.problem), std::string::npos) << found.front();
  }
  // A free port each.
  EXPECT_TRUE(problems("[{name: a, bind: [\"127.0.0.1:0\", \"127.0.0.1:0\"]}]").empty());
}

TEST(Bind, IPv6AloneIsWarnedOf) {
  const std::vector<std::string> found = problems("[{name: a, bind: \"[::]:8080\"}]");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found.front().find("listeners[0].bind: [::]:8080 takes IPv6 alone; write \"*:8080\""),
            std::string::npos)
      << found.front();
  // Who binds both knows.
  EXPECT_TRUE(problems("[{name: a, bind: [\"[::]:8080\", \"0.0.0.0:8080\"]}]").empty());
  EXPECT_TRUE(
      problems("[{name: a, bind: \"[::]:8080\"}, {name: b, bind: \"0.0.0.0:8080\"}]").empty());
  EXPECT_TRUE(problems("[{name: a, bind: \"[::1]:8080\"}]").empty());
}

}  // namespace
}  // namespace weir::config
