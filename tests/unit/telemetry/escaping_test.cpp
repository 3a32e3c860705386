#include "telemetry/escaping.hpp"

#include <gtest/gtest.h>

#include "weir/base/text.hpp"

namespace weir::telemetry {
namespace {

bool is_clean(unsigned byte) { return byte >= 0x20 && byte <= 0x7E && byte != '"' && byte != '\\'; }

// Each byte at each place of texts of each length around the block sizes.
TEST(CopyClean, FindsADirtyByteWhereverItStands) {
  for (std::size_t length = 1; length <= 50; ++length) {
    for (std::size_t place = 0; place < length; ++place) {
      for (unsigned byte = 0; byte < 256; ++byte) {
        std::string text(length, 'a');
        text[place] = static_cast<char>(byte);
        std::string out(length + 1, '#');
        ASSERT_EQ(copy_clean(out.data(), text), is_clean(byte))
            << "byte " << byte << " at " << place << " of " << length;
        ASSERT_EQ(out, text + "#");
      }
    }
  }
}

TEST(CopyClean, AnEmptyTextIsClean) { EXPECT_TRUE(copy_clean(nullptr, {})); }

TEST(PutJson, EscapesAsTheRestOfTheProgram) {
  std::string scratch;
  for (const std::string_view text :
       {std::string_view("plain"), std::string_view("a\"b\\c\n\x1b[31m\x7f"),
        std::string_view("gr\xC3\xBC\xC3\x9F"), std::string_view("\xff\xc3"),
        std::string_view("\xC2\x85 \xE2\x80\xA8", 6), std::string_view("nul\0byte", 8)}) {
    std::string expected;
    append_json_escaped(expected, text);
    std::string out(escaped_limit(text.size()), '#');
    char* const end = put_json(out.data(), text, scratch);
    EXPECT_EQ(std::string_view(out.data(), static_cast<std::size_t>(end - out.data())), expected);
  }
}

TEST(PutHexEscaped, WritesEveryOtherByteAsHex) {
  const std::string_view text("a\"\\\n\x7f\xff z");
  std::string out(escaped_limit(text.size()), '#');
  char* const end = put_hex_escaped(out.data(), text);
  EXPECT_EQ(std::string_view(out.data(), static_cast<std::size_t>(end - out.data())),
            R"(a\x22\x5C\x0A\x7F\xFF z)");
}

}  // namespace
}  // namespace weir::telemetry
