#include "weir/base/copy_text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

TEST(CopyText, CopiesEverySizeAndNothingBehindIt) {
  for (std::size_t size = 0; size < 100; ++size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>('a' + i % 26);
    std::string out(size + 1, '#');
    EXPECT_EQ(copy_text(out.data(), text), out.data() + size);
    EXPECT_EQ(out, text + '#');
  }
}

}  // namespace
}  // namespace weir
