#include "codec/h1/authority.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir::codec::h1 {
namespace {

TEST(Authority, TakenApart) {
  const struct {
    std::string_view text;
    std::string_view host;
    int port;  // -1: none
  } rows[] = {
      {"a", "a", -1},
      {"a:", "a", -1},
      {"a:0", "a", 0},
      {"A.b:65535", "a.b", 65535},
      {"a.:1", "a", 1},
      {"[::1]:2", "[::1]", 2},
      {"[::FFFF:1.2.3.4]", "[::ffff:1.2.3.4]", -1},
  };
  for (const auto& row : rows) {
    Arena arena;
    const auto authority = parse_authority(row.text, arena);
    ASSERT_TRUE(authority) << row.text;
    EXPECT_EQ(authority->host, row.host) << row.text;
    EXPECT_EQ(authority->port ? int{*authority->port} : -1, row.port) << row.text;
  }
}

TEST(Authority, Refused) {
  for (const std::string_view text :
       {"",     ":1",  ".",  ".:1",  "a:65536", "a:1:2",  "a,b",     "a b",   "a/b",  "a@b", "a#b",
        "a%zz", "a%2", "[]", "[::1", "[a]",     "[::1]x", "[::1]:x", "\"a\"", "a\\b", "<a>"}) {
    Arena arena;
    EXPECT_FALSE(parse_authority(text, arena)) << text;
  }
}

}  // namespace
}  // namespace weir::codec::h1
