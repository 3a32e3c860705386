#include "weir/http/deadline_fields.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string_view>
#include <vector>

namespace weir {
namespace {

using namespace std::chrono_literals;

TEST(RequestTimeoutTest, WhatIsATime) {
  struct Row {
    std::string_view text;
    std::optional<RequestTimeout> time;
  };
  const std::vector<Row> rows = {
      {"1500ms", RequestTimeout{1500ms, false}},
      {"2s", RequestTimeout{2s, false}},
      {"250", RequestTimeout{250ms, true}},
      {"0", RequestTimeout{0ms, true}},
      {"0ms", RequestTimeout{0ms, false}},
      {"0s", RequestTimeout{0ms, false}},
      {"007ms", RequestTimeout{7ms, false}},
      {"999999999999ms", RequestTimeout{999999999999ms, false}},
      // Longer than any clock goes: as long as one may.
      {"999999999999s", RequestTimeout{24h * 365 * 100, false}},
      {"1000000000000", std::nullopt},
      {"", std::nullopt},
      {"ms", std::nullopt},
      {"s", std::nullopt},
      {"-1", std::nullopt},
      {"+1", std::nullopt},
      {" 1", std::nullopt},
      {"1 ", std::nullopt},
      {"1 s", std::nullopt},
      {"1.5s", std::nullopt},
      {"1,5s", std::nullopt},
      {"1S", std::nullopt},
      {"1MS", std::nullopt},
      {"1m", std::nullopt},
      {"1us", std::nullopt},
      {"1h", std::nullopt},
      {"1s2ms", std::nullopt},
      {"1msx", std::nullopt},
      {"0x10", std::nullopt},
      {"1e3", std::nullopt},
      {"inf", std::nullopt},
  };
  for (const Row& row : rows) EXPECT_EQ(parse_request_timeout(row.text), row.time) << row.text;
}

TEST(RequestTimeoutTest, IsWrittenInWholeMilliseconds) {
  EXPECT_EQ(request_timeout(1499ms, false), "1499ms");
  EXPECT_EQ(request_timeout(1499ms, true), "1499");
  EXPECT_EQ(request_timeout(1500ms - 1us, true), "1499") << "rounded down";
  EXPECT_EQ(request_timeout(2s, false), "2000ms");
  for (const Duration none : {Duration(999us), Duration(0), Duration(-5s)}) {
    EXPECT_EQ(request_timeout(none, false), "1ms");
  }
}

RequestHead call(std::vector<std::pair<std::string_view, std::string_view>> fields,
                 bool grpc = false) {
  RequestHead head;
  if (grpc) {
    head.version = Version::http2;
    head.headers.add("content-type", "application/grpc");
  }
  for (const auto& [name, value] : fields) head.headers.add(name, value);
  return head;
}

TEST(ToldTimeoutTest, TheShorterOneCounts) {
  EXPECT_EQ(told_timeout(call({}), {}), std::nullopt);
  EXPECT_EQ(told_timeout(call({{"X-Request-Timeout", "2s"}}), {}), Duration(2s));
  EXPECT_EQ(told_timeout(call({{"x-request-timeout", "x"}}), {}), std::nullopt);
  EXPECT_EQ(told_timeout(call({{"x-request-timeout", "2s"},
                               {"x-request-timeout", "?"},
                               {"x-request-timeout", "300"},
                               {"x-request-timeout", "4s"}}),
                         {}),
            Duration(300ms));
  EXPECT_EQ(told_timeout(call({{"grpc-timeout", "1S"}}), {}), std::nullopt) << "no gRPC";
  EXPECT_EQ(told_timeout(call({{"grpc-timeout", "1S"}}, true), {}), Duration(1s));
  EXPECT_EQ(told_timeout(call({{"grpc-timeout", "1S"}, {"x-request-timeout", "2s"}}, true), {}),
            Duration(1s));
  EXPECT_EQ(told_timeout(call({{"grpc-timeout", "3S"}, {"x-request-timeout", "2s"}}, true), {}),
            Duration(2s));
}

TEST(ToldTimeoutTest, OnlyWhatIsAcceptedCounts) {
  const RequestHead both = call({{"grpc-timeout", "3S"}, {"x-request-timeout", "2s"}}, true);
  EXPECT_EQ(told_timeout(both, {.grpc_timeout = true, .request_timeout = false}), Duration(3s));
  EXPECT_EQ(told_timeout(both, {.grpc_timeout = false, .request_timeout = true}), Duration(2s));
  EXPECT_EQ(told_timeout(both, {.grpc_timeout = false, .request_timeout = false}), std::nullopt);
  RequestHead socket = call({{"x-request-timeout", "2s"}});
  socket.upgrade_websocket = true;
  EXPECT_EQ(told_timeout(socket, {}), std::nullopt);
}

}  // namespace
}  // namespace weir
