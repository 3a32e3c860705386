#include "weir/base/sip_hash.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace weir {
namespace {

// The key 00 01 .. 0f of the paper's appendix.
constexpr SipKey paper_key{0x0706050403020100, 0x0f0e0d0c0b0a0908};

TEST(SipHash, IsThatOfThePaper) {
  std::string input;
  for (char c = 0; c < 15; ++c) input += c;
  EXPECT_EQ(sip_hash_2_4(paper_key, input), 0xa129ca6149be45e5u);
  EXPECT_EQ(sip_hash_2_4(paper_key, ""), 0x726fdb47dd0e0e31u);
  EXPECT_EQ(sip_hash_2_4(paper_key, input.substr(0, 8)), 0x93f5f5799a932462u);
}

TEST(SipHash, TellsTextsOfAllLengthsApart) {
  std::set<std::uint64_t> seen;
  std::string text;
  for (int length = 0; length < 100; ++length, text += 'a') {
    EXPECT_TRUE(seen.insert(sip_hash(paper_key, text)).second) << length;
  }
  EXPECT_TRUE(seen.insert(sip_hash(paper_key, std::string(1, '\0'))).second);
}

TEST(SipHash, DependsOnItsKey) {
  const SipKey one = random_sip_key();
  const SipKey other = random_sip_key();
  EXPECT_NE(sip_hash(one, "caller"), sip_hash(other, "caller"));
  EXPECT_EQ(sip_hash(one, "caller"), sip_hash(one, "caller"));
}

}  // namespace
}  // namespace weir
