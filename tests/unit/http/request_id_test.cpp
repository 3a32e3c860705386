#include "weir/http/request_id.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace weir {
namespace {

bool no_random(std::span<unsigned char>) noexcept { return false; }
bool zeros(std::span<unsigned char> out) noexcept {
  std::ranges::fill(out, static_cast<unsigned char>(0));
  return true;
}

std::string next(UuidSource& source) {
  std::string out(36, '?');
  source.write(std::span<char, 36>(out.data(), 36));
  return out;
}

bool is_uuid4(const std::string& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (text[i] == '-')) return false;
    if (!dash && std::string_view("0123456789abcdef").find(text[i]) == std::string_view::npos) {
      return false;
    }
  }
  return text[14] == '4' && std::string_view("89ab").find(text[19]) != std::string_view::npos;
}

TEST(RequestId, IsOfTheRandomBytes) {
  UuidSource source(zeros);
  EXPECT_EQ(next(source), "00000000-0000-4000-8000-000000000000");
}

// Nothing is thrown: a handler may throw bad_alloc alone.
TEST(RequestId, IsItsOwnWithoutRandomness) {
  static_assert(noexcept(std::declval<UuidSource&>().write(std::declval<std::span<char, 36>>())));
  UuidSource one(no_random);
  UuidSource other(no_random);
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    for (UuidSource* source : {&one, &other}) {
      const std::string id = next(*source);
      EXPECT_TRUE(is_uuid4(id)) << id;
      EXPECT_TRUE(seen.insert(id).second) << id;
    }
  }
}

TEST(RequestId, OfAThreadIsRandom) {
  std::string one(36, '?');
  std::string other(36, '?');
  write_uuid(std::span<char, 36>(one.data(), 36));
  write_uuid(std::span<char, 36>(other.data(), 36));
  EXPECT_TRUE(is_uuid4(one)) << one;
  EXPECT_NE(one, other);
}

}  // namespace
}  // namespace weir
