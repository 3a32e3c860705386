#include "weir/http/grpc.hpp"

#include <gtest/gtest.h>

#include "weir/http/answer.hpp"

namespace weir {
namespace {

using namespace std::chrono_literals;

TEST(GrpcTest, WhatIsACall) {
  struct Row {
    const char* type;
    bool grpc;
  };
  for (const Row& row : {Row{"application/grpc", true}, Row{"application/grpc+proto", true},
                         Row{"Application/GRPC;x=y", true}, Row{"application/grpc-web", false},
                         Row{"application/grp", false}, Row{"", false}}) {
    RequestHead head;
    head.version = Version::http2;
    head.headers.add("content-type", row.type);
    EXPECT_EQ(is_grpc(head), row.grpc) << row.type;
    head.version = Version::http11;
    EXPECT_FALSE(is_grpc(head));
  }
}

TEST(GrpcTest, Timeouts) {
  EXPECT_EQ(parse_grpc_timeout("1H"), Duration(1h));
  EXPECT_EQ(parse_grpc_timeout("2M"), Duration(2min));
  EXPECT_EQ(parse_grpc_timeout("0S"), Duration(0));
  EXPECT_EQ(parse_grpc_timeout("99999999m"), Duration(99999999ms));
  EXPECT_EQ(parse_grpc_timeout("5u"), Duration(5us));
  EXPECT_EQ(parse_grpc_timeout("7n"), Duration(7ns));
  EXPECT_GT(*parse_grpc_timeout("99999999H"), Duration(1000h));
  for (const char* bad : {"", "S", "1", "1s", "-1S", "1 S", "123456789S"}) {
    EXPECT_FALSE(parse_grpc_timeout(bad)) << bad;
  }
  EXPECT_EQ(grpc_timeout(1500us), "1500000n");
  EXPECT_EQ(grpc_timeout(2s), "2000000u");
  EXPECT_EQ(grpc_timeout(-2s), "1n");
  EXPECT_EQ(grpc_timeout(100h), "360000S");
}

TEST(GrpcTest, ARefusalBecomesTrailers) {
  Response response = problem(Reason::pool_full, "", "id");
  into_grpc(response);
  EXPECT_EQ(response.head.status, 200);
  EXPECT_TRUE(std::holds_alternative<NoBody>(response.body));
  EXPECT_EQ(response.head.headers.get(FieldId::content_type), "application/grpc");
  EXPECT_EQ(response.head.headers.get("grpc-status"), "14");
  EXPECT_EQ(response.head.headers.get("grpc-message"), "Service Unavailable");
  EXPECT_TRUE(response.head.headers.contains(FieldId::retry_after));
}

TEST(GrpcTest, AFaultOnPurposeHasTheStatusOfItsRow) {
  Response response;
  EXPECT_FALSE(refuses(response));
  response.head.status = 503;
  EXPECT_FALSE(refuses(response)) << "the upstream's own";
  response.detail = "a fault on purpose";
  EXPECT_TRUE(refuses(response));
  into_grpc(response);
  EXPECT_EQ(response.head.status, 200);
  EXPECT_EQ(response.head.headers.get("grpc-status"), "14");
  EXPECT_EQ(response.head.headers.get("grpc-message"), "Service Unavailable");
}

}  // namespace
}  // namespace weir
