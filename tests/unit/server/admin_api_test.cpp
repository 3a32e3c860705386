// What the admin address answers before it asks the gateway anything: here it never started.
#include "server/admin_api.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "weir/telemetry/log.hpp"

namespace weir::server {
namespace {

class AdminApiTest : public testing::Test {
 protected:
  ~AdminApiTest() override { telemetry::log::set_level(level_); }

  AdminAnswer ask(const char* method, const char* path, const char* body = "",
                  const char* content_type = "application/json") {
    AdminRequest request;
    request.method = method;
    request.path = path;
    request.body = body;
    request.content_type = content_type;
    std::optional<AdminAnswer> out;
    int times = 0;
    api_.handle(request, [&](AdminAnswer answer) {
      out = std::move(answer);
      ++times;
    });
    EXPECT_EQ(times, 1);
    return out.value_or(AdminAnswer{});
  }
  static std::string header(const AdminAnswer& answer, std::string_view name) {
    for (const auto& [one, value] : answer.headers) {
      if (one == name) return value;
    }
    return "(none)";
  }

  const telemetry::log::Level level_ = telemetry::log::level();
  asio::io_context main_;
  Server server_{
      main_, [] {
        return std::unexpected(std::vector<config::Problem>{
            {.place = {"weir.yaml", 2, 4}, .path = "routes[0]", .message = "no action"}});
      }};
  AdminApi api_{main_, server_};
};

TEST_F(AdminApiTest, UnknownPathsAreNotFoundWhateverTheMethod) {
  for (const char* path :
       {"/", "", "/nothing", "/config/", "/config/diff/x", "/routes/a", "/routes/a/splits",
        "/upstreams/a", "/upstreams/a/endpoints", "/upstreams/a/endpoints/b/c", "/log",
        "/healthz/x", "//healthz", "/HEALTHZ"}) {
    for (const char* method : {"GET", "PUT", "POST", "DELETE"}) {
      EXPECT_EQ(ask(method, path).status, 404) << method << ' ' << path;
    }
  }
}

TEST_F(AdminApiTest, EachPathRefusesTheMethodsThatItsRowsDoNotHave) {
  for (const AdminApi::Endpoint& endpoint : AdminApi::endpoints()) {
    std::string allow;
    for (const AdminApi::Endpoint& row : AdminApi::endpoints()) {
      if (row.path != endpoint.path) continue;
      if (!allow.empty()) allow += ", ";
      allow += row.method == "GET" ? "GET, HEAD" : row.method;
    }
    const std::string path(endpoint.path);  // its placeholders are names, too
    for (const char* method : {"GET", "PUT", "POST", "DELETE", "PATCH"}) {
      if (allow.contains(method)) continue;
      const AdminAnswer answer = ask(method, path.c_str());
      EXPECT_EQ(answer.status, 405) << method << ' ' << path;
      EXPECT_EQ(header(answer, "Allow"), allow) << method << ' ' << path;
    }
  }
}

TEST_F(AdminApiTest, AllowNamesTheMethodsOfAPath) {
  EXPECT_EQ(header(ask("POST", "/healthz"), "Allow"), "GET, HEAD");
  EXPECT_EQ(header(ask("GET", "/explain"), "Allow"), "POST");
  EXPECT_EQ(header(ask("POST", "/upstreams/a/endpoints/b"), "Allow"), "PUT, DELETE");
}

TEST_F(AdminApiTest, EachBodyIsJson) {
  for (const AdminApi::Endpoint& endpoint : AdminApi::endpoints()) {
    if (endpoint.body == AdminApi::Body::none) continue;
    const std::string path(endpoint.path);
    const std::string method(endpoint.method);
    EXPECT_EQ(ask(method.c_str(), path.c_str(), "{}", "text/plain").status, 415) << path;
  }
}

TEST_F(AdminApiTest, BodiesAreJson) {
  struct Row {
    const char* method;
    const char* path;
    const char* body;
    const char* type;
    int status;
  };
  const Row rows[] = {
      {"POST", "/explain", "{}", "application/x-www-form-urlencoded", 415},
      {"POST", "/explain", "{}", "", 415},
      {"POST", "/explain", "{}", "application/jsonp", 415},
      {"PUT", "/log/level", "", "text/plain", 415},
      {"POST", "/explain", "{}", "application/json", 422},
      {"POST", "/explain", "{}", "Application/JSON ; charset=utf-8", 422},
      {"POST", "/explain", "", "", 422},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(ask(row.method, row.path, row.body, row.type).status, row.status)
        << row.path << ' ' << row.type;
  }
}

TEST_F(AdminApiTest, ExplainSaysWhatItWants) {
  const std::string deep = std::string(1000, '[') + std::string(1000, ']');
  for (const char* body :
       {"", "x", "[]", "\"\"", "null", "{", "{} {}", "{}", R"({"url":1})", R"({"url":null})",
        R"({"url":"/","method":1})", R"({"url":"/","from":[]})", R"({"url":"/","listener":{}})",
        R"({"url":"/","headers":[]})", R"({"url":"/","headers":{"a":1}})", deep.c_str()}) {
    const AdminAnswer answer = ask("POST", "/explain", body);
    EXPECT_EQ(answer.status, 422) << body;
    EXPECT_EQ(answer.content_type, "application/problem+json") << body;
  }
}

TEST_F(AdminApiTest, TheLogsLevel) {
  using telemetry::log::Level;
  struct Row {
    const char* body;
    int status;
    Level level;
  };
  const Row rows[] = {
      {R"({"level":"debug"})", 204, Level::debug},
      {R"({"level":"loud"})", 422, Level::debug},
      {R"({"level":"ERROR"})", 422, Level::debug},
      {R"({"level":3})", 422, Level::debug},
      {R"({})", 422, Level::debug},
      {R"("trace")", 422, Level::debug},
      {R"({"level":"trace"})", 204, Level::trace},
      {R"({"level":"error"})", 204, Level::error},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(ask("PUT", "/log/level", row.body).status, row.status) << row.body;
    EXPECT_EQ(telemetry::log::level(), row.level) << row.body;
  }
}

TEST_F(AdminApiTest, AliveButNotReadyBeforeTheStart) {
  EXPECT_EQ(ask("GET", "/healthz").status, 200);
  EXPECT_EQ(ask("GET", "/readyz").status, 503);
  EXPECT_EQ(ask("GET", "/%68ealthz").status, 200);
}

}  // namespace
}  // namespace weir::server
