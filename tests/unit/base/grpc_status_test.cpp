#include "weir/base/grpc_status.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

TEST(GrpcStatus, IsANumberOfOneToTwoDigits) {
  EXPECT_EQ(parse_grpc_status(std::nullopt), no_grpc_status);
  for (int code = 0; code <= 16; ++code) {
    EXPECT_EQ(parse_grpc_status(std::to_string(code)), code);
  }
  for (const char* text : {"", "17", "99", "100", "00", "07", "-1", "+1", " 1", "1 ", "x", "1x"}) {
    EXPECT_EQ(parse_grpc_status(std::string_view(text)), other_grpc_status) << text;
  }
}

}  // namespace
}  // namespace weir
