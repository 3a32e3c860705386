#include "weir/net/file_refusals.hpp"

#include <gtest/gtest.h>

namespace weir::net {
namespace {

FileRefusals::Problems problem(const char* message) {
  return {{.place = {"weir.yaml", 1, 2}, .path = "tls.cert", .message = message}};
}

TEST(FileRefusals, TheSameIsToldOnceAndTriedUntilItSucceeds) {
  FileRefusals refusals;
  EXPECT_FALSE(refusals.pending());
  EXPECT_EQ(refusals.news(problem("no descriptor left"), true).size(), 1u);
  EXPECT_TRUE(refusals.pending());
  EXPECT_TRUE(refusals.news(problem("no descriptor left"), false).empty());
  EXPECT_TRUE(refusals.pending());
  EXPECT_EQ(refusals.news(problem("no certificate in it"), false).size(), 1u) << "something else";
  EXPECT_EQ(refusals.news(problem("no certificate in it"), true).size(), 1u) << "of other files";
  EXPECT_TRUE(refusals.news({}, false).empty());
  EXPECT_FALSE(refusals.pending());
}

}  // namespace
}  // namespace weir::net
