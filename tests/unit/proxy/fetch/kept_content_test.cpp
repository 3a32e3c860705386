#include "proxy/fetch/kept_content.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir::proxy {
namespace {

TEST(KeptContent, KeepsWhatCameWhole) {
  Arena arena;
  KeptContent kept;
  EXPECT_TRUE(kept.whole().empty());
  {
    const std::string content = "all of it";
    EXPECT_EQ(as_text(kept.keep_whole(as_bytes(content), arena)), content);
  }
  EXPECT_EQ(as_text(kept.whole()), "all of it");
}

TEST(KeptContent, JoinsPiecesAtTheEnd) {
  Arena arena;
  KeptContent kept;
  kept.add(as_bytes("not asked for"));
  kept.begin();
  EXPECT_TRUE(kept.adding());
  kept.add(as_bytes("one "));
  kept.add(as_bytes("two"));
  EXPECT_TRUE(kept.whole().empty());
  kept.end(arena);
  EXPECT_FALSE(kept.adding());
  EXPECT_EQ(as_text(kept.whole()), "one two");
  kept.end(arena);
  EXPECT_EQ(as_text(kept.whole()), "one two") << "of the try before";
}

TEST(KeptContent, IsDroppedWhenItIsTooLongOrNotWanted) {
  Arena arena;
  const std::string most(KeptContent::most, 'x');
  KeptContent fits;
  fits.begin();
  fits.add(as_bytes(most));
  fits.end(arena);
  EXPECT_EQ(fits.whole().size(), KeptContent::most);

  KeptContent too_long;
  too_long.begin();
  too_long.add(as_bytes(most));
  too_long.add(as_bytes("x"));
  EXPECT_FALSE(too_long.adding());
  too_long.end(arena);
  EXPECT_TRUE(too_long.whole().empty());
  const std::string more = most + "x";
  EXPECT_EQ(too_long.keep_whole(as_bytes(more), arena).data(), as_bytes(more).data());
  EXPECT_TRUE(too_long.whole().empty());

  KeptContent answered;
  answered.begin();
  answered.add(as_bytes("x"));
  answered.drop();
  answered.end(arena);
  EXPECT_TRUE(answered.whole().empty());
}

}  // namespace
}  // namespace weir::proxy
