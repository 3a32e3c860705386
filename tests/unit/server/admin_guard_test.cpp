#include "server/admin_guard.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir::server {
namespace {

AdminRequest asking(const char* path, const char* authority) {
  AdminRequest request;
  request.method = "GET";
  request.path = path;
  request.authority = authority;
  return request;
}

// The status of the refusal, 0 for none.
int refusal(const AdminRequest& request, const AdminPolicy& policy) {
  const auto answer = guard(request, policy);
  return answer ? answer->status : 0;
}

TEST(AdminGuard, HostsThatNobodyCanPointAtUs) {
  AdminPolicy policy;
  policy.allow_hosts = {"admin.example", "other.example:9901"};
  struct Row {
    const char* authority;
    int status;
  };
  const Row rows[] = {
      {"127.0.0.1:9901", 0},
      {"127.0.0.1", 0},
      {"10.1.2.3:80", 0},
      {"[::1]:9901", 0},
      {"[::1]", 0},
      {"localhost", 0},
      {"LOCALHOST:9901", 0},
      {"admin.example", 0},
      {"Admin.Example:9901", 0},
      {"other.example:9901", 0},
      {"other.example:9902", 421},
      {"other.example", 421},
      {"evil.example", 421},
      {"evil.example:9901", 421},
      {"localhost.evil.example", 421},
      {"127.0.0.1.evil.example", 421},
      {"[::1", 421},
      {"[]", 421},
      {"", 421},
      {":9901", 421},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(refusal(asking("/config", row.authority), policy), row.status) << row.authority;
  }
}

TEST(AdminGuard, PagesOfOtherOriginsMayNotAsk) {
  struct Row {
    const char* origin;
    int status;
  };
  const Row rows[] = {
      {"", 0},
      {"http://127.0.0.1:9901", 0},
      {"https://127.0.0.1:9901", 0},
      {"http://127.0.0.1", 403},
      {"http://127.0.0.1:9902", 403},
      {"http://localhost:9901", 403},
      {"http://evil.example", 403},
      {"null", 403},
      {"127.0.0.1:9901", 403},
      {"://", 403},
  };
  for (const Row& row : rows) {
    AdminRequest request = asking("/config", "127.0.0.1:9901");
    request.origin = row.origin;
    EXPECT_EQ(refusal(request, {}), row.status) << row.origin;
  }
}

TEST(AdminGuard, BeyondThisMachineOnlyWithTheToken) {
  struct Row {
    const char* name;
    const char* token;
    const char* authorization;
    int status;
    const char* reason;
  };
  const Row rows[] = {
      {"none is set", "", "Bearer ", 403, "token_required"},
      {"none is set, any given", "", "Bearer x", 403, "token_required"},
      {"none given", "s3cret", "", 401, "token_missing"},
      {"the token", "s3cret", "Bearer s3cret", 0, ""},
      {"the scheme in another case", "s3cret", "bEARER s3cret", 0, ""},
      {"white space around it", "s3cret", "Bearer   s3cret ", 0, ""},
      {"another", "s3cret", "Bearer s3creT", 401, "token_invalid"},
      {"its beginning", "s3cret", "Bearer s3cre", 401, "token_invalid"},
      {"more than it", "s3cret", "Bearer s3crets", 401, "token_invalid"},
      {"another scheme", "s3cret", "Basic s3cret", 401, "token_invalid"},
      {"no scheme", "s3cret", "s3cret", 401, "token_invalid"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    AdminPolicy policy;
    policy.local = false;
    policy.token = row.token;
    AdminRequest request = asking("/config", "192.0.2.1:9901");
    request.authorization = row.authorization;
    const auto answer = guard(request, policy);
    EXPECT_EQ(answer ? answer->status : 0, row.status);
    if (!answer) continue;
    EXPECT_NE(answer->body.find(std::string("\"") + row.reason + "\""), std::string::npos)
        << answer->body;
    EXPECT_EQ(answer->headers.empty(), row.status != 401);
  }
}

TEST(AdminGuard, ProbesNeedNothing) {
  AdminPolicy policy;
  policy.local = false;
  policy.token = "s3cret";
  struct Row {
    const char* path;
    bool probe;
  };
  const Row rows[] = {
      {"/healthz", true}, {"/readyz", true},     {"/metrics", true},    {"/config", false},
      {"/", false},       {"/healthz/", false},  {"/metrics/x", false}, {"/reload", false},
      {"", false},        {"/%6detrics", false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(is_probe(row.path), row.probe) << row.path;
    AdminRequest request = asking(row.path, "evil.example");
    request.origin = "http://evil.example";
    EXPECT_EQ(refusal(request, policy) == 0, row.probe) << row.path;
  }
}

TEST(AdminProblem, IsOneLineOfJsonWhateverItSays) {
  const AdminAnswer answer = admin_problem(404, "not_found", "no \"such\"\n\\ \x01 thing");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.content_type, "application/problem+json");
  EXPECT_EQ(answer.body,
            "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
            "\"reason\":\"not_found\",\"detail\":\"no \\\"such\\\"\\u000a\\\\ \\u0001 thing\"}\n");
}

}  // namespace
}  // namespace weir::server
