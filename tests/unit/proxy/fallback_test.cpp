#include "proxy/fallback.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "weir/http/answer.hpp"
#include "weir/net/loop.hpp"
#include "weir/telemetry/metrics.hpp"

namespace weir::proxy {
namespace {

using namespace std::chrono_literals;

class Content final : public BodyStream {
 public:
  Task<Result<Bytes>> read() override { co_return read_ready(); }
  Bytes read_ready() noexcept override {
    complete_ = true;
    return as_bytes(text);
  }
  bool complete() const noexcept override { return complete_; }
  const HeaderMap& trailers() const noexcept override { return trailers_; }
  std::optional<std::uint64_t> length() const noexcept override { return {}; }
  void abort(Reason) noexcept override { aborted = true; }

  std::string text = "abc";
  bool aborted = false;

 private:
  bool complete_ = false;
  HeaderMap trailers_;
};

class FallbackTest : public testing::Test {
 protected:
  FallbackTest() {
    connection_.loop = &loop_;
    route_.name = "orders";
    route_.fallback.emplace().upstream = "spare";
    request_.head.path = "/orders";
    request_.head.authority = "shop.example";
    exchange_.fill_context().route_name = route_.name;
    exchange_.record.tell_upstream("orders");
    exchange_.record.tell_attempt("10.0.0.1:80", {}, {});
  }

  void answer_fixed() {
    route_.fallback->upstream.clear();
    route_.fallback->respond.emplace().status = 200;
  }
  std::unique_ptr<FallbackTurn> turn() {
    fallback_ = std::make_unique<Fallback>(route_, metrics_.fallback("orders"));
    return std::make_unique<FallbackTurn>(*fallback_, request_, exchange_);
  }
  bool begins(Reason failure) { return turn()->begins(problem(failure, "", "id")); }
  std::uint64_t counted(Reason reason) {
    std::uint64_t out = 0;
    metrics_.fallback("orders")->for_each([&](const telemetry::FallbackShard& shard) {
      out += shard.taken[static_cast<std::size_t>(reason)].value();
    });
    return out;
  }

  net::Loop loop_;
  telemetry::Metrics metrics_{1, "test", "none"};
  config::Route route_;
  ConnectionInfo connection_;
  Request request_;
  Exchange exchange_{connection_, Clock::now()};
  std::unique_ptr<Fallback> fallback_;
};

TEST_F(FallbackTest, AnswersForItsConditionsAlone) {
  route_.fallback->conditions = {Reason::circuit_open, Reason::upstream_reset};
  EXPECT_TRUE(begins(Reason::circuit_open));
  EXPECT_TRUE(begins(Reason::upstream_reset));
  for (const Reason other : {Reason::connect_failed, Reason::client_closed, Reason::internal,
                             Reason::body_too_large, Reason::draining}) {
    EXPECT_FALSE(begins(other)) << name(other);
  }
  EXPECT_FALSE(turn()->begins(simple_answer(503, "the upstream's own"))) << "that is an answer";
  EXPECT_EQ(counted(Reason::circuit_open), 1u);
  EXPECT_EQ(counted(Reason::upstream_reset), 1u);
  EXPECT_EQ(counted(Reason::connect_failed), 0u);
}

TEST_F(FallbackTest, TheExchangeTellsOfIt) {
  EXPECT_TRUE(begins(Reason::connect_failed));
  EXPECT_EQ(exchange_.record.fallback_reason(), Reason::connect_failed);
  EXPECT_EQ(exchange_.record.upstream(), "spare");
  EXPECT_EQ(exchange_.record.endpoint(), "");
}

TEST_F(FallbackTest, OfAFixedAnswerTheUpstreamIsTheFirst) {
  answer_fixed();
  EXPECT_TRUE(begins(Reason::connect_failed));
  EXPECT_EQ(exchange_.record.fallback_reason(), Reason::connect_failed);
  EXPECT_EQ(exchange_.record.upstream(), "orders");
  EXPECT_EQ(exchange_.record.endpoint(), "10.0.0.1:80");
}

TEST_F(FallbackTest, AnAnswerSaysWhatItStandsFor) {
  const auto one = turn();
  ASSERT_TRUE(one->begins(problem(Reason::circuit_open, "", "id")));
  Response answer = simple_answer(200, "hello");
  one->end(answer);
  EXPECT_EQ(answer.head.headers.get("proxy-status"),
            R"(weir; error=destination_unavailable; details="circuit_open")");
  Response failure = problem(Reason::connect_failed, "", "id");
  one->end(failure);
  EXPECT_EQ(failure.head.headers.get("proxy-status"),
            R"(weir; error=connection_refused; details="connect_failed")");
}

TEST_F(FallbackTest, NotForAClientThatIsGone) {
  exchange_.scope.cancel(Reason::client_closed);
  EXPECT_FALSE(begins(Reason::connect_failed));
  EXPECT_EQ(exchange_.record.fallback_reason(), Reason::none);
}

TEST_F(FallbackTest, BehindTheDeadlineOnlyAFixedAnswer) {
  exchange_.clock.hard_deadline = loop_.now() - 1ms;
  EXPECT_FALSE(begins(Reason::request_timeout));
  answer_fixed();
  EXPECT_TRUE(begins(Reason::request_timeout));
}

TEST_F(FallbackTest, AWebSocketNeedsAnUpstream) {
  request_.head.upgrade_websocket = true;
  EXPECT_TRUE(begins(Reason::connect_failed));
  answer_fixed();
  EXPECT_FALSE(begins(Reason::connect_failed));
}

TEST_F(FallbackTest, ContentThatIsKeptComesOnceMore) {
  Content content;
  request_.body = &content;
  const auto one = turn();
  EXPECT_EQ(as_text(request_.body->read_ready()), "abc");
  request_.body->abort(Reason::upstream_reset);
  ASSERT_TRUE(one->begins(problem(Reason::request_timeout, "", "id")));
  EXPECT_EQ(as_text(request_.body->read_ready()), "abc");
  EXPECT_TRUE(request_.body->complete());
  EXPECT_FALSE(content.aborted);
}

TEST_F(FallbackTest, ContentThatIsGoneLeavesAFixedAnswer) {
  Content content;
  content.text.assign(ReplayableBody::most + 1, 'x');
  request_.body = &content;
  const auto one = turn();
  EXPECT_EQ(request_.body->read_ready().size(), content.text.size());
  EXPECT_FALSE(one->begins(problem(Reason::request_timeout, "", "id")));

  answer_fixed();
  request_.body = &content;
  const auto other = turn();
  EXPECT_EQ(request_.body->read_ready().size(), content.text.size());
  EXPECT_TRUE(other->begins(problem(Reason::request_timeout, "", "id")));
}

TEST_F(FallbackTest, WhoHasNotTakenTheContentIsAborted) {
  Content content;
  request_.body = &content;
  const auto one = turn();
  request_.body->abort(Reason::upstream_reset);
  EXPECT_FALSE(content.aborted);
  EXPECT_FALSE(one->begins(problem(Reason::upstream_reset, "", "id"))) << "no condition of it";
  EXPECT_TRUE(content.aborted);
}

TEST_F(FallbackTest, TheHeadIsTheClientsWhereItMustBe) {
  request_.head.authority = {};
  auto one = turn();
  request_.head.path = "/rewritten";
  request_.head.authority = "10.0.0.1:80";  // of the endpoint, in place of a missing Host
  ASSERT_TRUE(one->begins(problem(Reason::request_timeout, "", "id")));
  EXPECT_EQ(request_.head.path, "/rewritten");
  EXPECT_EQ(request_.head.authority, "");

  route_.rewrite.emplace().host = "inside";
  one = turn();
  request_.head.authority = "inside";
  ASSERT_TRUE(one->begins(problem(Reason::request_timeout, "", "id")));
  EXPECT_EQ(request_.head.authority, "inside");

  answer_fixed();
  request_.head.path = "/orders";
  one = turn();
  request_.head.path = "/rewritten";
  ASSERT_TRUE(one->begins(problem(Reason::request_timeout, "", "id")));
  EXPECT_EQ(request_.head.path, "/orders") << "for the answer's variables";
  Response answer = simple_answer(200, "hello");
  one->end(answer);
  EXPECT_EQ(request_.head.path, "/rewritten") << "for a mirror";
}

TEST_F(FallbackTest, ReplacesPanic) {
  EXPECT_FALSE(turn()->may_panic(false));
  EXPECT_FALSE(turn()->may_panic(true));
  route_.fallback->conditions = {Reason::circuit_open};
  EXPECT_TRUE(turn()->may_panic(false));
  route_.fallback->conditions = {Reason::no_healthy_endpoint};
  answer_fixed();
  EXPECT_FALSE(turn()->may_panic(false));
  EXPECT_TRUE(turn()->may_panic(true)) << "it gets no fixed answer";
}

}  // namespace
}  // namespace weir::proxy
