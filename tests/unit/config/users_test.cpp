#include <gtest/gtest.h>

#include "config/blocks.hpp"

namespace weir::config {
namespace {

const std::string bcrypt = "$2y$05$" + std::string(53, 'a');
const std::string sha512 = "$6$salt$" + std::string(86, 'b');

TEST(Users, AreReadFromHtpasswd) {
  const auto users = parse_users("# staff\n\nana:" + bcrypt + "\r\nben:$6$rounds=5000$salt$" +
                                 std::string(86, 'c') + "\n \nc d:" + sha512);
  ASSERT_TRUE(users);
  ASSERT_EQ(users->size(), 3u);
  EXPECT_EQ(users->at(0), std::pair(std::string("ana"), bcrypt));
  EXPECT_EQ(users->at(2), std::pair(std::string("c d"), sha512));
}

TEST(Users, AreRefusedByLine) {
  constexpr std::string_view only =
      "only bcrypt and SHA-512 hashes are accepted (htpasswd -B, openssl passwd -6)";
  const struct {
    std::string_view name;
    std::string text;
    std::string fault;
  } rows[] = {
      {"empty", "", "there is no user in it"},
      {"comments", "# nobody\n", "there is no user in it"},
      {"plain text", "a:secret", "line 1, column 3: " + std::string(only)},
      {"md5", "# x\na:$apr1$x$y", "line 2, column 3: " + std::string(only)},
      {"sha1", "a:{SHA}xxxx", "line 1, column 3: " + std::string(only)},
      {"sha256", "a:$5$salt$hash", "line 1, column 3: " + std::string(only)},
      {"no hash", "a", "line 1, column 1: expected NAME:HASH"},
      {"no name", ":" + bcrypt, "line 1, column 1: expected NAME:HASH"},
      {"twice", "a:" + bcrypt + "\na:" + bcrypt, "line 2, column 1: user 'a' is given twice"},
      {"short bcrypt", "a:$2y$05$abc",
       "line 1, column 3: the bcrypt hash is damaged; make it again with htpasswd -B"},
      {"dear bcrypt", "a:$2y$31$" + std::string(53, 'a'),
       "line 1, column 3: the cost of the bcrypt hash is above 16"},
      {"short sha512", "a:$6$salt$abc",
       "line 1, column 3: the SHA-512 hash is damaged; make it again with openssl passwd -6"},
      {"dear sha512", "a:$6$rounds=9000000$salt$" + std::string(86, 'b'),
       "line 1, column 3: the SHA-512 hash has more than 1000000 rounds"},
  };
  for (const auto& row : rows) {
    const auto users = parse_users(row.text);
    ASSERT_FALSE(users) << row.name;
    ASSERT_EQ(users.error().size(), 1u) << row.name;
    EXPECT_EQ(users.error().front(), row.fault) << row.name;
  }
}

}  // namespace
}  // namespace weir::config
