#include "net/tls/server_names.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace weir::net::tls {
namespace {

TEST(ServerNames, ExactThenWildcardThenDefault) {
  ServerNames names;
  names.set_default(9);
  names.add("one.example", 1);
  names.add("*.example", 2);
  names.add("*.deep.example", 3);
  names.add("one.example", 4);  // taken already
  const struct {
    std::string_view name;
    std::uint32_t group;
  } rows[] = {
      {"one.example", 1}, {"ONE.Example", 1},   {"one.example.", 1},
      {"two.example", 2}, {"deep.example", 2},  {"a.deep.example", 3},
      {"a.b.example", 9}, {"example", 9},       {"", 9},
      {".", 9},           {".example", 9},      {"*.example", 2},
      {"x.other", 9},     {"one.example..", 9},
  };
  for (const auto& row : rows) EXPECT_EQ(names.find(row.name), row.group) << row.name;
  std::string too_long(300, 'a');
  too_long.append(".example");
  EXPECT_EQ(names.find(too_long), 9u);
}

TEST(ServerName, OfAClientHello) {
  const auto extension = [](std::string_view name, int list = -1, int size = -1, char type = 0) {
    std::string out;
    const auto number = [&](std::size_t n) {
      out += static_cast<char>(n >> 8);
      out += static_cast<char>(n & 255);
    };
    number(list >= 0 ? static_cast<std::size_t>(list) : name.size() + 3);
    out += type;
    number(size >= 0 ? static_cast<std::size_t>(size) : name.size());
    return out + std::string(name);
  };
  const auto parse = [](const std::string& bytes) {
    return parse_server_name({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
  };
  const std::string right = extension("one.example");
  EXPECT_EQ(parse(right), "one.example");
  for (std::size_t i = 0; i < right.size(); ++i) EXPECT_FALSE(parse(right.substr(0, i))) << i;
  for (const std::string& wrong :
       {right + "x", extension("one.example", 99), extension("one.example", -1, 3),
        extension("one.example", -1, -1, 1), extension(""), extension("a b"),
        extension(std::string_view("a\0b", 3)), extension(std::string(256, 'a')),
        extension("\xC3\xA9.example")}) {
    EXPECT_FALSE(parse(wrong));
  }
}

}  // namespace
}  // namespace weir::net::tls
