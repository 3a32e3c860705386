#include <gtest/gtest.h>

#include "config/blocks.hpp"

namespace weir::config {
namespace {

const std::string digest(64, 'A');

TEST(ApiKeys, AreReadByLine) {
  const auto keys =
      parse_api_keys("# partners\n\nacme:k-1\r\n acme : k:2 \nlimited co:sha256:" + digest +
                     "\nbare\nsha256:" + std::string(64, 'b'));
  ASSERT_TRUE(keys) << keys.error().front();
  const struct {
    std::string name, key, sha256;
  } expected[] = {{"acme", "k-1", ""},
                  {"acme", "k:2", ""},
                  {"limited co", "", std::string(64, 'a')},
                  {"", "bare", ""},
                  {"", "", std::string(64, 'b')}};
  ASSERT_EQ(keys->size(), std::size(expected));
  for (std::size_t i = 0; i < keys->size(); ++i) {
    EXPECT_EQ(keys->at(i).name, expected[i].name);
    EXPECT_EQ(keys->at(i).key, expected[i].key);
    EXPECT_EQ(keys->at(i).sha256, expected[i].sha256);
  }
}

TEST(ApiKeys, AreRefusedByLine) {
  const struct {
    std::string_view name;
    std::string text;
    std::vector<std::string> faults;
  } rows[] = {
      {"empty", "", {"there is no key in it"}},
      {"comments", "# nobody\n\n", {"there is no key in it"}},
      {"no key", "a:\n", {"line 1, column 3: expected NAME:KEY, NAME:sha256:HEX or KEY"}},
      {"no name", "ok:1\n:k", {"line 2, column 1: a name is printable ASCII and not empty"}},
      {"space", "a:b c", {"line 1, column 3: a key must not have spaces or unprintable bytes"}},
      {"control", "a:b\tc", {"line 1, column 3: a key must not have spaces or unprintable bytes"}},
      {"not ASCII",
       "a:\xC3\xA9",
       {"line 1, column 3: a key must not have spaces or unprintable bytes"}},
      {"short digest",
       "a:sha256:abc",
       {"line 1, column 3: sha256: must be followed by 64 hex digits"}},
      {"no digest",
       "a:sha256:" + std::string(64, 'g'),
       {"line 1, column 3: sha256: must be followed by 64 hex digits"}},
      {"twice",
       "a:k\nb:k\nc:k",
       {"line 2, column 3: the key is given twice", "line 3, column 3: the key is given twice"}},
  };
  for (const auto& row : rows) {
    const auto keys = parse_api_keys(row.text);
    ASSERT_FALSE(keys) << row.name;
    EXPECT_EQ(keys.error(), row.faults) << row.name;
  }
}

}  // namespace
}  // namespace weir::config
