#include "middleware/fixture.hpp"

namespace weir::test {
namespace {

using BodyLimitTest = MiddlewareTest;

TEST_F(BodyLimitTest, Rules) {
  struct Row {
    std::string name;
    std::uint64_t limit;
    std::optional<std::uint64_t> length;
    int status;
  };
  const std::vector<Row> rows{
      {"below", 10, 9, 200},      {"at", 10, 10, 200},
      {"over", 10, 11, 413},      {"unlimited", 0, 1ULL << 60, 200},
      {"no length", 10, {}, 200},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    origin.calls = 0;
    const Chain chain = chain_of(config::BodyLimit{row.limit});
    const Response response = send(chain, {.method = "POST", .content_length = row.length});
    EXPECT_EQ(response.head.status, row.status);
    EXPECT_EQ(origin.calls, row.status == 200 ? 1u : 0u);
    if (origin.calls == 1) {
      EXPECT_EQ(origin.saw_limit, row.limit);
    }
  }
}

}  // namespace
}  // namespace weir::test
