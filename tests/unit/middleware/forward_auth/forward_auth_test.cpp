#include "middleware/fixture.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

// An authorization server that notes what it is asked.
class Judge final : public Subrequest {
 public:
  int status = 200;  // 0: nobody answers
  Fields reply;
  std::string body;
  bool cut = false;
  std::string asked;    // "GET /verify?a=1 shop.example"
  std::string headers;  // of the question
  Duration timeout{};

  Task<Result<SubrequestAnswer>> send(RequestHead head, Exchange&, Duration wait,
                                      std::size_t) override {
    asked = std::string(head.method_text) + ' ' + std::string(head.path);
    if (head.has_query) asked += '?' + std::string(head.query);
    asked += ' ' + std::string(head.host);
    headers = listed(head.headers);
    timeout = wait;
    if (status == 0) co_return fail(Reason::connect_failed, Side::upstream);
    SubrequestAnswer answer;
    answer.head.status = status;
    for (const auto& [name, value] : reply) answer.head.headers.add(name, value);
    answer.body = body;
    answer.cut = cut;
    co_return answer;
  }
};

class ForwardAuthTest : public MiddlewareTest {
 protected:
  std::shared_ptr<Judge> judge = std::make_shared<Judge>();
  config::ForwardAuth spec;

  ForwardAuthTest() {
    spec.upstream = "judge";
    spec.path = "/verify";
    services.subrequest = [this](std::string_view name) {
      EXPECT_EQ(name, "judge");
      return judge;
    };
  }
};

TEST_F(ForwardAuthTest, AsksWithoutTheContentAndItsConditions) {
  spec.path = "/verify?deep=1";
  spec.timeout = 3s;
  const Chain chain = chain_of(spec);
  send(chain, {.method = "POST",
               .headers = {{"Cookie", "s=1"},
                           {"Authorization", "Bearer t"},
                           {"Content-Type", "text/plain"},
                           {"Content-Length", "3"},
                           {"Expect", "100-continue"},
                           {"Range", "bytes=0-1"},
                           {"If-None-Match", "\"x\""},
                           {"X-Forwarded-Uri", "/open"},
                           {"x_forwarded_method", "GET"}},
               .content_length = 3});
  EXPECT_EQ(judge->asked, "GET /verify?deep=1 shop.example");
  EXPECT_EQ(judge->headers,
            "cookie: s=1; authorization: Bearer t; content-type: text/plain; "
            "x-forwarded-method: POST; x-forwarded-uri: /orders/42");
  EXPECT_EQ(judge->timeout, 3s);
}

TEST_F(ForwardAuthTest, Outcomes) {
  const struct {
    std::string name;
    int status;
    config::OnError on_error;
    int answered;
    Reason reason;
  } rows[] = {
      {"200", 200, config::OnError::deny, 200, Reason::none},
      {"204", 204, config::OnError::deny, 200, Reason::none},
      {"299", 299, config::OnError::deny, 200, Reason::none},
      {"302", 302, config::OnError::deny, 302, Reason::auth_denied},
      {"401", 401, config::OnError::deny, 401, Reason::auth_denied},
      {"403", 403, config::OnError::allow, 403, Reason::auth_denied},
      {"429", 429, config::OnError::allow, 429, Reason::auth_denied},
      {"500", 500, config::OnError::deny, 503, Reason::auth_unavailable},
      {"500, lenient", 500, config::OnError::allow, 200, Reason::none},
      {"nobody", 0, config::OnError::deny, 503, Reason::auth_unavailable},
      {"nobody, lenient", 0, config::OnError::allow, 200, Reason::none},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    judge->status = row.status;
    spec.on_error = row.on_error;
    const Response response = send(chain_of(spec), {});
    EXPECT_EQ(response.head.status, row.answered);
    EXPECT_EQ(response.reason, row.reason);
    EXPECT_EQ(response.head.headers.contains("retry-after"), row.answered == 503);
  }
}

TEST_F(ForwardAuthTest, CopiesWhatIsNamedAndNothingElse) {
  spec.copy_headers = {"x-user", "x-groups", "x-none"};
  judge->reply = {{"X-User", "ana"}, {"x-groups", "a"}, {"x-groups", "b"}, {"x-secret", "s"}};
  send(chain_of(spec),
       {.headers = {{"x-user", "root"}, {"X_User", "root"}, {"x-none", "1"}, {"accept", "*/*"}}});
  EXPECT_EQ(origin.saw, "accept: */*; x-user: ana; x-groups: a; x-groups: b");
}

TEST_F(ForwardAuthTest, AClientsOwnCopiesGoAlsoWhenNobodyAnswers) {
  spec.copy_headers = {"x-user"};
  spec.on_error = config::OnError::allow;
  judge->status = 0;
  send(chain_of(spec), {.headers = {{"x-user", "root"}}});
  EXPECT_EQ(origin.calls, 1u);
  EXPECT_EQ(origin.saw, "");
}

TEST_F(ForwardAuthTest, ARefusalIsTheServersOwn) {
  judge->status = 401;
  judge->reply = {{"WWW-Authenticate", "Bearer"},
                  {"Set-Cookie", "a=1"},
                  {"Set-Cookie", "b=2"},
                  {"Content-Type", "text/html"},
                  {"X-Request-Id", "x"}};
  judge->body = "<p>who?</p>";
  const Response response = send(chain_of(spec), {});
  EXPECT_EQ(listed(response.head.headers),
            "www-authenticate: Bearer; set-cookie: a=1; set-cookie: b=2; content-type: text/html");
  EXPECT_EQ(std::get<std::string>(response.body), "<p>who?</p>");
  EXPECT_EQ(response.head.content_length, 11u);
  EXPECT_EQ(origin.calls, 0u);
}

TEST_F(ForwardAuthTest, ALongRefusalLosesItsContent) {
  judge->status = 403;
  judge->reply = {{"Content-Type", "text/html"}, {"Content-Encoding", "gzip"}, {"x-why", "no"}};
  judge->cut = true;
  const Response response = send(chain_of(spec), {});
  EXPECT_EQ(listed(response.head.headers), "x-why: no");
  EXPECT_EQ(std::get<std::string>(response.body), "");
}

}  // namespace
}  // namespace weir::test
