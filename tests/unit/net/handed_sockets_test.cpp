#include "weir/net/handed_sockets.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::net {
namespace {

TEST(HandedSockets, TheTextTellsAllOfThem) {
  const std::vector<HandedAddress> all = {
      {.count = 4, .name = "http", .asked = "127.0.0.1:0"},
      {.owner = HandedFor::manager, .name = "https", .asked = ""},
      {.name = "local", .asked = "unix:/run/a weir/http.sock"},
      {.owner = HandedFor::admin, .name = "", .asked = "127.0.0.1:9901"},
      {.kind = "datagram", .count = 2, .name = "https", .asked = "*:443"},
  };
  const std::string text = to_text(all);
  EXPECT_EQ(text,
            "stream gateway 4 http 127.0.0.1:0\n"
            "stream manager 1 https -\n"
            "stream gateway 1 local unix:/run/a weir/http.sock\n"
            "stream admin 1 - 127.0.0.1:9901\n"
            "datagram gateway 2 https *:443\n");
  const auto read = parse_handed(text);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(*read, all);
  EXPECT_TRUE(parse_handed("")->empty());
}

TEST(HandedSockets, AWrongLineIsNamed) {
  for (const std::string line :
       {"", "stream", "stream gateway", "stream gateway 1", "stream gateway 1 http",
        "stream somebody 1 http 127.0.0.1:0", "stream gateway 0 http 127.0.0.1:0",
        "stream gateway -1 http 127.0.0.1:0", "stream gateway 1x http 127.0.0.1:0",
        "stream gateway 70000 http 127.0.0.1:0", " gateway 1 http 127.0.0.1:0"}) {
    const auto read = parse_handed("stream admin 1 - 127.0.0.1:9901\n" + line + "\n");
    ASSERT_FALSE(read) << line;
    EXPECT_EQ(read.error(), "'" + line + "' is not an address handed over");
  }
}

}  // namespace
}  // namespace weir::net
