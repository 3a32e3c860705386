#include "weir/base/reason.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace weir {
namespace {

TEST(Reasons, HaveOneNameEach) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < reason_count; ++i) {
    const auto reason = static_cast<Reason>(i);
    EXPECT_TRUE(names.insert(name(reason)).second) << name(reason);
    EXPECT_EQ(reason_from_name(name(reason)), reason);
  }
  EXPECT_EQ(reason_from_name("no_such_reason"), std::nullopt);
  EXPECT_EQ(reason_from_name(""), std::nullopt);
}

// What each row has at least is checked when the table is compiled.
TEST(Reasons, HaveStatusesOfTheRegistries) {
  for (std::size_t i = 1; i < reason_count; ++i) {
    const ReasonInfo& row = info(static_cast<Reason>(i));
    EXPECT_LE(row.grpc_status, 16) << row.name;
    EXPECT_EQ(status_phrase(row.status).empty(), row.status == 499) << row.name;
  }
}

TEST(Reasons, AreTheContracts) {
  const struct {
    Reason reason;
    std::string_view name;
    int status;
    std::string_view proxy_error;
    int grpc_status;
  } rows[] = {
      {Reason::bad_request, "bad_request", 400, "http_request_error", 13},
      {Reason::credentials_missing, "credentials_missing", 401, "http_request_denied", 16},
      {Reason::ip_denied, "ip_denied", 403, "http_request_denied", 7},
      {Reason::no_route, "no_route", 404, "http_request_error", 12},
      {Reason::client_timeout, "client_timeout", 408, "http_request_error", 4},
      {Reason::body_too_large, "body_too_large", 413, "http_request_error", 8},
      {Reason::rate_limited, "rate_limited", 429, "http_request_denied", 8},
      {Reason::client_closed, "client_closed", 499, "http_request_error", 1},
      {Reason::connect_failed, "connect_failed", 502, "connection_refused", 14},
      {Reason::upstream_incomplete, "upstream_incomplete", 502, "http_response_incomplete", 14},
      {Reason::pool_full, "pool_full", 503, "connection_limit_reached", 14},
      {Reason::connect_timeout, "connect_timeout", 504, "connection_timeout", 14},
      {Reason::request_timeout, "request_timeout", 504, "http_response_timeout", 4},
  };
  for (const auto& row : rows) {
    const ReasonInfo& is = info(row.reason);
    EXPECT_EQ(is.name, row.name);
    EXPECT_EQ(is.status, row.status) << row.name;
    EXPECT_EQ(is.proxy_error, row.proxy_error) << row.name;
    EXPECT_EQ(is.grpc_status, row.grpc_status) << row.name;
  }
}

TEST(StatusPhrase, IsTheRegistrys) {
  EXPECT_EQ(status_phrase(200), "OK");
  EXPECT_EQ(status_phrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(status_phrase(299), "");
  EXPECT_EQ(status_phrase(-1), "");
}

}  // namespace
}  // namespace weir
