#include "weir/codec/h1/server_connection.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "codec/h1/server_case.hpp"
#include "weir/net/loop_of.hpp"
#include "weir/net/turn_taking.hpp"

namespace weir::codec::h1 {
namespace {

TEST_F(ServerConnectionTest, RequestsAreAnsweredInOrder) {
  handler_.answer = [](Request& request, Exchange&) -> Task<Response> {
    co_return Answers::plain(std::string(request.head.path));
  };
  EXPECT_EQ(exchanged("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
                      "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                      "GET /4 HTTP/1.1\r\nHost: a\r\n\r\n"),
            answer_text("/1") + answer_text("/2") + answer_text("/3", close_field));
  EXPECT_EQ(handler_.asked, (std::vector<std::string>{"GET /1", "GET /2", "GET /3"}));
  EXPECT_EQ(handler_.outcomes.size(), 3u);
}

// The worker's other connections come in between.
TEST_F(ServerConnectionTest, APipelineIsServedOverSeveralTurns) {
  std::string pipeline;
  for (int i = 0; i < 300; ++i)
    pipeline += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  serve([&](Peer& peer) -> Task<> {
    co_await peer.say(pipeline);
    net::TurnTaking turns(net::loop_of(info_));
    std::size_t before = handler_.asked.size();
    std::size_t most = 0;
    for (int turn = 0; turn < 10000 && before < 300; ++turn) {
      co_await turns.yield();
      most = std::max(most, handler_.asked.size() - before);
      before = handler_.asked.size();
    }
    EXPECT_EQ(before, 300u);
    EXPECT_LE(most, 16u);
  });
  EXPECT_EQ(handler_.asked.back(), "GET /299");
}

TEST_F(ServerConnectionTest, WhoseConnectionStays) {
  struct Row {
    const char* name;
    const char* request;
    const char* field;  // "" when it stays without a word
    bool stays;
  };
  const Row rows[] = {
      {"1.1", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", true},
      {"1.1 that ends", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n",
       "Connection: close\r\n", false},
      {"1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", "Connection: close\r\n", false},
      {"1.0 that stays", "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
       "Connection: keep-alive\r\n", true},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    serve([&](Peer& peer) -> Task<> {
      co_await peer.say(row.request);
      EXPECT_EQ(co_await peer.hear_to("ok"), answer_text("ok", row.field));
      if (row.stays) {
        co_await peer.say(row.request);
        EXPECT_EQ(co_await peer.hear_to("ok"), answer_text("ok", row.field));
      } else {
        EXPECT_EQ(co_await peer.hear_all(), "");
        EXPECT_EQ(peer.ended_by(), net::Io::eof);
      }
    });
  }
}

TEST_F(ServerConnectionTest, ContentGoesToTheHandlerAndTheNextRequestBehindIt) {
  handler_.answer = echo;
  const std::string next = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  EXPECT_EQ(exchanged("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + next),
            answer_text("hello") + answer_text("", close_field));
  EXPECT_EQ(exchanged("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n" +
                      next),
            answer_text("hello!") + answer_text("", close_field));
  EXPECT_EQ(handler_.outcomes.front().bytes_in, 5u);
}

TEST_F(ServerConnectionTest, ContentThatNobodyReadIsPassedOver) {
  const std::string next = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  EXPECT_EQ(exchanged("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + next),
            answer_text("ok") + answer_text("ok", close_field));
}

TEST_F(ServerConnectionTest, ContentThatIsNotAllThereEndsTheConnectionBehindTheAnswer) {
  serve([&](Peer& peer) -> Task<> {
    co_await peer.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nhello");
    EXPECT_EQ(co_await peer.hear_all(), answer_text("ok", close_field));
    // What it sends on does not reset the answer away.
    co_await peer.say(std::string(400, 'x'));
  });
  EXPECT_EQ(handler_.asked.size(), 1u);
}

TEST_F(ServerConnectionTest, WhatIsNoRequestIsRefusedOnceAndClosed) {
  struct Row {
    const char* name;
    std::string sent;
    Reason reason;
  };
  const Row rows[] = {
      {"no HTTP", "hello\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Reason::bad_request},
      {"no Host", "GET / HTTP/1.1\r\n\r\n", Reason::bad_request},
      {"two lengths",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
       Reason::bad_request},
      {"too long a target", "GET /" + std::string(20000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n",
       Reason::uri_too_long},
      {"another version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", Reason::version_not_supported},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    handler_ = Answers();
    const std::string got = exchanged(row.sent);
    EXPECT_EQ(got.find("HTTP/1.1 " + std::to_string(status_of(row.reason))), 0u) << got;
    EXPECT_NE(got.find(close_field), std::string::npos) << got;
    EXPECT_TRUE(got.ends_with("refused")) << got;
    EXPECT_EQ(handler_.refused, std::vector<Reason>{row.reason});
    EXPECT_TRUE(handler_.asked.empty());
    EXPECT_EQ(handler_.outcomes.size(), 1u);
  }
}

TEST_F(ServerConnectionTest, ContinueIsSaidOnceContentIsWanted) {
  handler_.answer = echo;
  serve([&](Peer& peer) -> Task<> {
    co_await peer.say(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(co_await peer.hear_to("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    co_await peer.say("hello");
    EXPECT_EQ(co_await peer.hear_to("hello"), answer_text("hello"));
  });
}

TEST_F(ServerConnectionTest, ContinueIsNotSaid) {
  struct Row {
    const char* name;
    std::string request;
    bool reads;
    std::string answer;
  };
  const Row rows[] = {
      {"when nobody reads",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", false,
       answer_text("ok", close_field)},
      {"when the content is here",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
       "Connection: close\r\n\r\nhello",
       true, answer_text("hello", close_field)},
      {"to an old client",
       "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", true,
       answer_text("hello", close_field)},
  };
  for (const Row& row : rows) {
    handler_ = Answers();
    if (row.reads) handler_.answer = echo;
    EXPECT_EQ(exchanged(row.request), row.answer) << row.name;
  }
}

TEST_F(ServerConnectionTest, AnOldClientsContentIsReadWithoutContinue) {
  handler_.answer = echo;
  serve([&](Peer& peer) -> Task<> {
    co_await peer.say(
        "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhe");
    EXPECT_TRUE(co_await until(net::loop_of(info_), [&] { return handler_.asked.size() == 1; }));
    co_await peer.say("llo");
    EXPECT_EQ(co_await peer.hear_all(), answer_text("hello", close_field));
  });
}

TEST_F(ServerConnectionTest, InterimAnswersGoAheadAtMostEight) {
  handler_.answer = [](Request&, Exchange& exchange) -> Task<Response> {
    ResponseHead hints;
    hints.status = 103;
    for (int i = 0; i < 10 && exchange.interim != nullptr; ++i) {
      co_await exchange.interim->informational(hints);
    }
    co_return Answers::plain("ok");
  };
  std::string hints;
  for (int i = 0; i < 8; ++i) hints += "HTTP/1.1 103 Early Hints\r\n\r\n";
  EXPECT_EQ(exchanged("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
            hints + answer_text("ok", close_field));
  EXPECT_EQ(exchanged("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), answer_text("ok", close_field));
}

TEST_F(ServerConnectionTest, ContentOverTheLimitIsToldToWhoReadsIt) {
  limits_.body_size = 8;
  handler_.answer = echo;
  const std::string got = exchanged(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n5\r\nhello\r\n5\r\nhello\r\n");
  EXPECT_TRUE(got.starts_with("HTTP/1.1 413 ")) << got;
}

TEST_F(ServerConnectionTest, SlowClientsAreGivenUp) {
  limits_.header_timeout = 30ms;
  limits_.idle_timeout = 30ms;
  limits_.body_idle_timeout = 30ms;
  handler_.answer = echo;
  struct Row {
    const char* name;
    const char* sent;
    const char* begins;  // of what comes before the end
  };
  const Row rows[] = {
      {"says nothing", "", ""},
      {"stops within a head", "GET / HTTP/1.1\r\nHo", "HTTP/1.1 408 "},
      {"stops within the content", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe",
       "HTTP/1.1 408 "},
      {"says nothing more", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 "},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    serve([&](Peer& peer) -> Task<> {
      if (*row.sent != '\0') co_await peer.say(row.sent);
      const std::string got = co_await peer.hear_all();
      EXPECT_TRUE(got.starts_with(row.begins)) << got;
      EXPECT_EQ(got.empty(), *row.begins == '\0') << got;
      EXPECT_EQ(peer.ended_by(), net::Io::eof);
    });
  }
}

TEST_F(ServerConnectionTest, SoManyRequestsAConnection) {
  limits_.requests_per_connection = 2;
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_EQ(exchanged(get + get + get), answer_text("ok") + answer_text("ok", close_field));
}

TEST_F(ServerConnectionTest, AClientThatLeavesCancelsItsExchange) {
  Reason cancelled = Reason::none;
  handler_.answer = [&](Request&, Exchange& exchange) -> Task<Response> {
    EXPECT_TRUE(co_await until(net::loop_of(info_), [&] { return exchange.scope.cancelled(); }));
    cancelled = exchange.scope.reason();
    co_return Answers::plain("too late");
  };
  Loop loop;
  info_.loop = &loop;
  run_on(loop, [&]() -> Task<> {
    Wire wire = co_await Wire::connect(loop);
    connection_ = make_server_connection(std::move(wire.near), info_, limits_, handler_);
    net::TaskGroup group(loop);
    group.spawn(connection_->run());
    co_await wire.peer->say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(co_await until(loop, [&] { return handler_.asked.size() == 1; }));
    EXPECT_TRUE(connection_->in_flight());
    wire.peer->leave();
    EXPECT_TRUE(co_await group.join(loop.now() + 5s));
    connection_.reset();
  });
  EXPECT_EQ(cancelled, Reason::client_closed);
  ASSERT_EQ(handler_.outcomes.size(), 1u);
  EXPECT_EQ(handler_.outcomes[0].status, 499);
  EXPECT_FALSE(handler_.outcomes[0].complete);
}

TEST_F(ServerConnectionTest, AClientMayFinishItsSideWhereThatIsAllowed) {
  limits_.client_half_close = config::HalfClose::finish;
  serve([&](Peer& peer) -> Task<> {
    co_await peer.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    peer.finish();
    EXPECT_EQ(co_await peer.hear_all(), answer_text("ok"));
  });
}

TEST_F(ServerConnectionTest, ADrainLetsTheNextAnswerBeTheLast) {
  serve([&](Peer& peer) -> Task<> {
    const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    co_await peer.say(get);
    EXPECT_EQ(co_await peer.hear_to("ok"), answer_text("ok"));
    connection_->drain();
    connection_->undrain();
    co_await peer.say(get);
    EXPECT_EQ(co_await peer.hear_to("ok"), answer_text("ok"));
    connection_->drain();
    co_await peer.say(get);
    EXPECT_EQ(co_await peer.hear_all(), answer_text("ok", close_field));
  });
}

TEST_F(ServerConnectionTest, ADrainedConnectionThatStaysIdleEnds) {
  serve([&](Peer& peer) -> Task<> {
    connection_->drain();
    EXPECT_EQ(co_await peer.hear_all(), "");
    EXPECT_EQ(peer.ended_by(), net::Io::eof);
  });
}

TEST_F(ServerConnectionTest, AnAnswerThatBreaksOffIsNotEnded) {
  Pieces body({"hello"});
  body.fails_with = Reason::upstream_incomplete;
  handler_.answer = [&](Request&, Exchange&) -> Task<Response> {
    Response out = Answers::plain("");
    out.body = &body;
    co_return out;
  };
  EXPECT_EQ(exchanged("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nDate: -\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  ASSERT_EQ(handler_.outcomes.size(), 1u);
  EXPECT_EQ(handler_.outcomes[0].reason, Reason::upstream_incomplete);
  EXPECT_FALSE(handler_.outcomes[0].complete);
}

TEST_F(ServerConnectionTest, ToAnOldClientTheBreakIsAReset) {
  Pieces body({"hello"});
  body.fails_with = Reason::upstream_incomplete;
  handler_.answer = [&](Request&, Exchange&) -> Task<Response> {
    Response out = Answers::plain("");
    out.body = &body;
    co_return out;
  };
  serve([&](Peer& peer) -> Task<> {
    co_await peer.say("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    co_await peer.hear_all();
    EXPECT_EQ(peer.ended_by(), net::Io::error);
  });
}

TEST_F(ServerConnectionTest, AbortCutsWhatIsInFlight) {
  serve([&](Peer& peer) -> Task<> {
    co_await peer.say("GET / HTTP/1.1\r\nHo");
    connection_->abort();
    EXPECT_EQ(co_await peer.hear_all(), "");
    EXPECT_EQ(peer.ended_by(), net::Io::error);
  });
}

}  // namespace
}  // namespace weir::codec::h1
