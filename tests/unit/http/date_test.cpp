#include "weir/http/date.hpp"

#include <gtest/gtest.h>

namespace weir::test {
namespace {

TEST(Date, Rows) {
  struct Row {
    std::time_t at;
    const char* text;
  };
  const Row rows[] = {
      {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"}, {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
      {784111778, "Sun, 06 Nov 1994 08:49:38 GMT"}, {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
      {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"}, {4102444799, "Thu, 31 Dec 2099 23:59:59 GMT"},
  };
  for (const Row& row : rows) EXPECT_EQ(http_date(row.at), row.text);
}

}  // namespace
}  // namespace weir::test
