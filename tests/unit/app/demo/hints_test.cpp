#include "app/demo/hints.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <vector>

namespace weir::app {
namespace {

std::vector<std::string> lines_of(const DemoAddresses& addresses) {
  std::vector<std::string> out;
  std::istringstream text(demo_hints(addresses) + demo_keys());
  for (std::string line; std::getline(text, line);) out.push_back(line);
  return out;
}

const DemoAddresses defaults{.gateway = "127.0.0.1:8080",
                             .admin = "127.0.0.1:9901",
                             .backends = {"127.0.0.1:65534", "127.0.0.1:65535"},
                             .token_file = "/tmp/weir-demo-ABCDEF/token",
                             .program = "build/run/weir"};

TEST(DemoHints, FitInHundredColumns) {
  for (const std::string& line : lines_of(defaults)) {
    if (!line.starts_with("weir demo: ")) {
      EXPECT_LE(line.size(), 100U) << line;
    }
  }
}

TEST(DemoHints, QuoteOnlyWhatAShellWouldChange) {
  const std::string text = demo_hints(defaults);
  EXPECT_NE(text.find("curl -s '127.0.0.1:8080/?[1-20]' "), std::string::npos) << text;
  EXPECT_NE(text.find("curl -i -H @/tmp/weir-demo-ABCDEF/token 127.0.0.1:8080/account "),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("  build/run/weir tail "), std::string::npos) << text;
}

TEST(DemoHints, AskOtherAddressesAsTheyAreReached) {
  DemoAddresses other = defaults;
  other.gateway = "0.0.0.0:81";
  other.admin = "";
  std::string text = demo_hints(other);
  EXPECT_NE(text.find("curl -i 127.0.0.1:81/ping "), std::string::npos) << text;
  EXPECT_EQ(text.find("/metrics"), std::string::npos) << text;
  EXPECT_EQ(text.find(" tail"), std::string::npos) << text;
  other.gateway = "[::]:81";
  other.admin = "127.0.0.1:82";
  text = demo_hints(other);
  EXPECT_NE(text.find("curl -i -g '[::1]:81/ping' "), std::string::npos) << text;
  EXPECT_NE(text.find("weir tail --admin 127.0.0.1:82 "), std::string::npos) << text;
  other.gateway = "unix:/tmp/a b";
  text = demo_hints(other);
  EXPECT_NE(text.find("curl -i --unix-socket '/tmp/a b' localhost/ping "), std::string::npos)
      << text;
}

}  // namespace
}  // namespace weir::app
