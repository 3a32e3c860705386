#include "middleware/fixture.hpp"

namespace weir::test {
namespace {

using CorsTest = MiddlewareTest;

constexpr const char* app = "https://app.example.com";

config::Cors for_app() {
  config::Cors spec;
  spec.origins = {app};
  return spec;
}

Sent preflight(std::string origin, std::string method = "PUT") {
  return {.method = "OPTIONS",
          .headers = {{"Origin", std::move(origin)},
                      {"Access-Control-Request-Method", std::move(method)}}};
}

TEST_F(CorsTest, WhoMayReadTheAnswer) {
  struct Row {
    std::string name;
    std::vector<std::string> origins;
    bool credentials;
    Fields sent;
    std::string allowed;
    std::string vary;
  };
  const std::vector<Row> rows{
      {"listed", {app}, false, {{"Origin", app}}, app, "Origin"},
      {"listed, other case",
       {app},
       false,
       {{"Origin", "HTTPS://App.Example.com"}},
       "HTTPS://App.Example.com",
       "Origin"},
      {"other host", {app}, false, {{"Origin", "https://evil.example"}}, "", "Origin"},
      {"a longer host", {app}, false, {{"Origin", "https://app.example.com.evil"}}, "", "Origin"},
      {"other scheme", {app}, false, {{"Origin", "http://app.example.com"}}, "", "Origin"},
      {"other port", {app}, false, {{"Origin", "https://app.example.com:8443"}}, "", "Origin"},
      {"null is not meant by a list", {app}, false, {{"Origin", "null"}}, "", "Origin"},
      {"null, listed", {"null"}, false, {{"Origin", "null"}}, "null", "Origin"},
      {"any", {"*"}, false, {{"Origin", "https://x.example"}}, "*", ""},
      {"none sent", {app}, false, {}, "", "Origin"},
      {"two sent", {app}, false, {{"Origin", app}, {"Origin", app}}, "", "Origin"},
      {"credentials", {app}, true, {{"Origin", app}}, app, "Origin"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    config::Cors spec;
    spec.origins = row.origins;
    spec.credentials = row.credentials;
    const Response response = send(chain_of(spec), {.headers = row.sent});
    const HeaderMap& headers = response.head.headers;
    EXPECT_EQ(response.head.status, 200);
    EXPECT_EQ(values(headers, "access-control-allow-origin"), row.allowed);
    EXPECT_EQ(values(headers, "access-control-allow-credentials"), row.credentials ? "true" : "");
    EXPECT_EQ(values(headers, "vary"), row.vary);
  }
}

TEST_F(CorsTest, SpeaksForTheUpstream) {
  origin.reply = {{"Access-Control-Allow-Origin", "*"},
                  {"access-control-allow-credentials", "true"},
                  {"Vary", "Accept-Encoding, origin"}};
  config::Cors spec = for_app();
  spec.expose = {"x-total", "x-page"};
  const Response response = send(chain_of(spec), {.headers = {{"Origin", app}}});
  const HeaderMap& headers = response.head.headers;
  EXPECT_EQ(values(headers, "access-control-allow-origin"), app);
  EXPECT_EQ(values(headers, "access-control-allow-credentials"), "");
  EXPECT_EQ(values(headers, "access-control-expose-headers"), "x-total, x-page");
  EXPECT_EQ(values(headers, "vary"), "Accept-Encoding, origin");
}

TEST_F(CorsTest, AnswersAPreflight) {
  config::Cors spec = for_app();
  spec.headers = {"content-type", "x-token"};
  spec.credentials = true;
  const Response response = send(chain_of(spec), preflight(app));
  const HeaderMap& headers = response.head.headers;
  EXPECT_EQ(response.head.status, 204);
  EXPECT_EQ(response.head.framing, Framing::none);
  EXPECT_EQ(response.reason, Reason::none);
  EXPECT_EQ(origin.calls, 0u);
  EXPECT_EQ(values(headers, "access-control-allow-origin"), app);
  EXPECT_EQ(values(headers, "access-control-allow-credentials"), "true");
  EXPECT_EQ(values(headers, "access-control-allow-methods"), "GET, HEAD, POST, PUT, PATCH, DELETE");
  EXPECT_EQ(values(headers, "access-control-allow-headers"), "content-type, x-token");
  EXPECT_EQ(values(headers, "access-control-max-age"), "600");
  EXPECT_EQ(values(headers, "vary"),
            "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
}

TEST_F(CorsTest, TellsTheMethodsOfTheRouteUnlessGiven) {
  struct Row {
    std::string name;
    std::vector<std::string> own, of_route;
    std::string told;
  };
  const std::vector<Row> rows{
      {"the route's", {}, {"GET", "POST"}, "GET, HEAD, POST"},
      {"the route's, with HEAD", {}, {"HEAD", "GET"}, "HEAD, GET"},
      {"given", {"PUT"}, {"GET", "PUT"}, "PUT"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    config::Cors spec = for_app();
    spec.methods = row.own;
    route.match.methods = row.of_route;
    const Response response = send(chain_of(spec), preflight(app));
    EXPECT_EQ(values(response.head.headers, "access-control-allow-methods"), row.told);
  }
}

TEST_F(CorsTest, TellsAStrangerNothing) {
  const Response response = send(chain_of(for_app()), preflight("https://evil.example"));
  EXPECT_EQ(response.head.status, 204);
  EXPECT_EQ(origin.calls, 0u);
  for (const HeaderMap::Field& field : response.head.headers) {
    EXPECT_FALSE(istarts_with(field.name, "access-control-")) << field.name;
  }
}

TEST_F(CorsTest, OtherOptionsPass) {
  const Chain chain = chain_of(for_app());
  EXPECT_EQ(send(chain, {.method = "OPTIONS", .headers = {{"Origin", app}}}).head.status, 200);
  EXPECT_EQ(send(chain, {.method = "OPTIONS"}).head.status, 200);
  EXPECT_EQ(origin.calls, 2u);
}

}  // namespace
}  // namespace weir::test
