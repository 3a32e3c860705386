#include "upstream/grpc_health.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir::upstream::grpc_health {
namespace {

using std::string_literals::operator""s;

TEST(GrpcHealth, Requests) {
  EXPECT_EQ(request(""), "\0\0\0\0\0"s);
  EXPECT_EQ(request("orders.v1.Orders"), "\0\0\0\0\x12\x0a\x10orders.v1.Orders"s);
  // A length of more than 127 takes two bytes.
  const std::string name(200, 'a');
  std::string framed = "\0\0\0\0\xcb\x0a\xc8\x01"s;
  framed.append(name);
  EXPECT_EQ(request(name), framed);
}

struct Row {
  const char* name;
  std::string framed;
  std::optional<std::uint64_t> status;
};

class GrpcHealthAnswers : public testing::TestWithParam<Row> {};

TEST_P(GrpcHealthAnswers, Status) { EXPECT_EQ(status_of(GetParam().framed), GetParam().status); }

INSTANTIATE_TEST_SUITE_P(
    All, GrpcHealthAnswers,
    testing::Values(Row{"serving", "\0\0\0\0\x02\x08\x01"s, 1},
                    Row{"not_serving", "\0\0\0\0\x02\x08\x02"s, 2},
                    Row{"unknown_is_left_out", "\0\0\0\0\0"s, 0},
                    Row{"the_last_one_counts", "\0\0\0\0\x04\x08\x02\x08\x01"s, 1},
                    Row{"other_fields_are_skipped", "\0\0\0\0\x06\x12\x02hi\x08\x01"s, 1},
                    Row{"nothing", "", std::nullopt}, Row{"half_a_prefix", "\0\0\0"s, std::nullopt},
                    Row{"compressed", "\x01\0\0\0\x02\x08\x01"s, std::nullopt},
                    Row{"cut", "\0\0\0\0\x02\x08"s, std::nullopt},
                    Row{"too_long", "\0\0\0\0\x01\x08\x01"s, std::nullopt},
                    Row{"endless_varint", "\0\0\0\0\x03\x08\x80\x80"s, std::nullopt},
                    Row{"field_beyond_the_end", "\0\0\0\0\x02\x12\x09"s, std::nullopt},
                    Row{"group", "\0\0\0\0\x01\x0b"s, std::nullopt}),
    [](const auto& each) { return each.param.name; });

TEST(GrpcHealth, Names) {
  EXPECT_EQ(name_of(2), "NOT_SERVING");
  EXPECT_EQ(name_of(3), "SERVICE_UNKNOWN");
  EXPECT_EQ(name_of(9), "an unknown status of grpc.health.v1");
}

}  // namespace
}  // namespace weir::upstream::grpc_health
