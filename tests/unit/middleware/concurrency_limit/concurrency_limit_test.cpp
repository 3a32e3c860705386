#include "middleware/fixture.hpp"

namespace weir::test {
namespace {

// Answers a request with that of a second one, sent while the first is in flight.
class Within final : public Handler {
 public:
  const Chain* chain = nullptr;
  Handler* last = nullptr;
  int inner_status = 0;
  std::string inner_retry;
  std::string inner_ip;

  Task<Response> handle(Request&, Exchange& exchange) override {
    Exchange inner(exchange.context.connection, exchange.context.started);
    inner.fill_context().client_ip = *IpAddress::parse(inner_ip);
    Request request;
    Response answer = co_await chain->handle(request, inner, *last);
    inner_status = answer.head.status;
    inner_retry = values(answer.head.headers, "retry-after");
    co_return simple_answer(200, "");
  }
};

class ConcurrencyLimitTest : public MiddlewareTest {
 protected:
  config::ConcurrencyLimit spec{.limit = 1, .key = {}};
  Within within;

  Task<Response> outer(net::Loop& loop, const Chain& chain, const Chain& inner,
                       std::string inner_ip) {
    ConnectionInfo connection;
    connection.loop = &loop;
    Exchange exchange(connection, loop.now());
    exchange.fill_context().client_ip = *IpAddress::parse("192.0.2.1");
    Request request;
    within.chain = &inner;
    within.last = &origin;
    within.inner_ip = std::move(inner_ip);
    Response response = co_await chain.handle(request, exchange, within);
    co_return response;
  }
  void send_within(const Chain& chain, const Chain& inner, const std::string& inner_ip) {
    const Response response =
        run_task([&](net::Loop& loop) { return outer(loop, chain, inner, inner_ip); });
    EXPECT_EQ(response.head.status, 200);
  }
};

TEST_F(ConcurrencyLimitTest, RefusesWhoHasTooManyInFlight) {
  const Chain chain = chain_of(spec);
  send_within(chain, chain, "192.0.2.1");
  EXPECT_EQ(within.inner_status, 429);
  EXPECT_EQ(within.inner_retry, "1");
  send_within(chain, chain, "192.0.2.2");
  EXPECT_EQ(within.inner_status, 200);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(send(chain, {}).head.status, 200);
}

TEST_F(ConcurrencyLimitTest, CountsOverSnapshots) {
  const Chain before = chain_of(spec);
  const Chain after = chain_of(spec);
  send_within(before, after, "192.0.2.1");
  EXPECT_EQ(within.inner_status, 429);
  spec.limit = 2;
  send_within(before, chain_of(spec), "192.0.2.1");
  EXPECT_EQ(within.inner_status, 200);
}

}  // namespace
}  // namespace weir::test
