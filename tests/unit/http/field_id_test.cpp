#include <gtest/gtest.h>

#include <string>

#include "weir/base/text.hpp"
#include "weir/http/header_map.hpp"

namespace weir {
namespace {

TEST(FieldId, EveryNameInAnyCaseAndNothingElse) {
  for (unsigned i = 1; i <= static_cast<unsigned>(FieldId::x_rewrite_url); ++i) {
    const auto id = static_cast<FieldId>(i);
    const std::string lower(field_name(id));
    ASSERT_FALSE(lower.empty()) << i;
    std::string upper = lower;
    for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    EXPECT_EQ(field_id(lower), id) << lower;
    EXPECT_EQ(field_id(upper), id) << lower;
    EXPECT_NE(field_id(lower.substr(1)), id) << lower;
    // Any other byte at any place is another name, but for the letter's other case.
    for (std::size_t at = 0; at < lower.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string changed = lower;
        changed[at] = static_cast<char>(byte);
        EXPECT_EQ(field_id(changed) == id, to_lower(changed[at]) == lower[at]) << lower << byte;
        if (is_token(changed)) {
          EXPECT_EQ(field_id_of_token(changed), field_id(changed)) << changed;
        }
      }
    }
  }
  EXPECT_EQ(field_id(""), FieldId::other);
  EXPECT_EQ(field_id("x-unknown"), FieldId::other);
}

TEST(HeaderMap, RelocatesWhatPointsIntoACopiedBlock) {
  HeaderMap headers;
  headers.add("Kept", "as it was");
  std::string block = "A: b\r\nC: \r\n";
  const std::string_view bytes = block;
  headers.add_view(FieldId::other, bytes.substr(0, 1), bytes.substr(3, 1));
  headers.add_view(FieldId::other, bytes.substr(6, 1), bytes.substr(9, 0));
  const std::string_view own = headers.arena().copy(bytes);
  headers.relocate(1, bytes.data(), own.data());
  block.assign(block.size(), '#');
  EXPECT_EQ(headers.get("kept"), "as it was");
  EXPECT_EQ(headers.get("a"), "b");
  EXPECT_EQ(headers.get("c"), "");
}

}  // namespace
}  // namespace weir
