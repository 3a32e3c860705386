#include "codec/h2/response_fields.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace weir::codec::h2 {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Answer {
  std::optional<HeadFault> fault;
  ResponseHead head;
};

Answer answer_of(const Fields& fields, bool ended = false, Method method = Method::get,
                 std::size_t size = 1000, bool tunnel = false) {
  ResponseFields out(size, method, tunnel);
  for (const auto& [name, value] : fields) out.field(name, value);
  Answer answer;
  answer.fault = out.finish(ended);
  answer.head = std::move(out.head());
  return answer;
}

TEST(ResponseFieldsTest, DecidesTheFraming) {
  struct Row {
    const char* name;
    Fields fields;
    bool ended;
    Method method;
    Framing framing;
    std::uint64_t length;
  };
  const Row rows[] = {
      {"content follows", {{":status", "200"}}, false, Method::get, Framing::chunked, 0},
      {"a length",
       {{":status", "200"}, {"content-length", "7"}},
       false,
       Method::get,
       Framing::length,
       7},
      {"ended", {{":status", "200"}}, true, Method::get, Framing::length, 0},
      {"HEAD", {{":status", "200"}, {"content-length", "7"}}, true, Method::head, Framing::none, 0},
      {"204", {{":status", "204"}}, true, Method::get, Framing::none, 0},
      {"304", {{":status", "304"}, {"content-length", "7"}}, true, Method::get, Framing::none, 0},
      {"interim", {{":status", "103"}}, false, Method::get, Framing::none, 0},
  };
  for (const Row& row : rows) {
    const Answer answer = answer_of(row.fields, row.ended, row.method);
    EXPECT_FALSE(answer.fault) << row.name;
    EXPECT_EQ(answer.head.framing, row.framing) << row.name;
    EXPECT_EQ(answer.head.content_length, row.length) << row.name;
  }
}

TEST(ResponseFieldsTest, RefusesWhatIsMalformed) {
  struct Row {
    const char* name;
    Fields fields;
    bool ended = false;
  };
  const Row rows[] = {
      {"no status", {{"x-a", "1"}}},
      {"status twice", {{":status", "200"}, {":status", "200"}}},
      {"status behind a field", {{"x-a", "1"}, {":status", "200"}}},
      {"a request's pseudo-field", {{":status", "200"}, {":path", "/"}}},
      {"too short a status", {{":status", "20"}}},
      {"a status below 100", {{":status", "099"}}},
      {"a status above 599", {{":status", "600"}}},
      {"switching protocols", {{":status", "101"}}},
      {"an upper case name", {{":status", "200"}, {"X-A", "1"}}},
      {"an empty name", {{":status", "200"}, {"", "1"}}},
      {"a line break", {{":status", "200"}, {"x-a", "1\r\nx-b: 2"}}},
      {"a NUL", {{":status", "200"}, {"x-a", std::string("1\0", 2)}}},
      {"white space behind", {{":status", "200"}, {"x-a", "1 "}}},
      {"connection", {{":status", "200"}, {"connection", "close"}}},
      {"keep-alive", {{":status", "200"}, {"keep-alive", "timeout=1"}}},
      {"transfer-encoding", {{":status", "200"}, {"transfer-encoding", "chunked"}}},
      {"upgrade", {{":status", "200"}, {"upgrade", "h2c"}}},
      {"two lengths", {{":status", "200"}, {"content-length", "1"}, {"content-length", "1"}}},
      {"no number", {{":status", "200"}, {"content-length", "+1"}}},
      {"a length without content", {{":status", "200"}, {"content-length", "1"}}, true},
      {"an interim answer that ends", {{":status", "100"}}, true},
  };
  for (const Row& row : rows) {
    const Answer answer = answer_of(row.fields, row.ended);
    ASSERT_TRUE(answer.fault) << row.name;
    EXPECT_TRUE(answer.fault->malformed) << row.name;
  }
}

TEST(ResponseFieldsTest, BoundsTheHead) {
  const Answer large = answer_of({{":status", "200"}, {"x-a", std::string(1000, 'v')}});
  ASSERT_TRUE(large.fault);
  EXPECT_FALSE(large.fault->malformed);
  EXPECT_EQ(large.fault->reason, Reason::upstream_headers_too_large);

  Fields many{{":status", "200"}};
  for (int i = 0; i <= 1000; ++i) many.emplace_back("a", "");
  EXPECT_TRUE(answer_of(many, false, Method::get, 1'000'000).fault);
}

TEST(ResponseFieldsTest, LeavesATunnelWithoutFraming) {
  const Answer open = answer_of({{":status", "200"}}, false, Method::get, 1000, true);
  EXPECT_FALSE(open.fault);
  EXPECT_EQ(open.head.framing, Framing::none);
  EXPECT_TRUE(
      answer_of({{":status", "200"}, {"content-length", "1"}}, false, Method::get, 1000, true)
          .fault);
  const Answer refused = answer_of({{":status", "403"}}, false, Method::get, 1000, true);
  EXPECT_EQ(refused.head.framing, Framing::chunked);
}

}  // namespace
}  // namespace weir::codec::h2
