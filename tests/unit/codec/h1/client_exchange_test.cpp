#include "weir/codec/h1/client_exchange.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "codec/h1/wire.hpp"

namespace weir::codec::h1 {
namespace {

class ClientExchangeTest : public testing::Test, private ClientExchange::Owner {
 protected:
  ClientExchangeTest() {
    request_.method_text = "GET";
    request_.path = "/a";
    request_.authority = "a";
  }

  // Runs `talk(client, upstream)` on a connection to an upstream of the test's own.
  template <class Talk>
  void with_upstream(Talk talk, Method method = Method::get, std::size_t header_size = 1000) {
    ended_ = std::nullopt;
    Loop loop;
    run_on(loop, [&]() -> Task<> {
      loop_ = &loop;
      Wire wire = co_await Wire::connect(loop);
      stream_ = wire.near.get();
      exchange_.emplace(connection_, loop.now());
      exchange_->clock.last_activity = loop.now();
      client_ = make_client_exchange(*wire.near, exchange_->clock, exchange_->scope, *this, method,
                                     header_size);
      co_await talk(*client_, *wire.peer);
      client_.reset();
    });
  }
  // The next final or interim head, or why there is none.
  Task<Result<>> head_of(ClientExchange& client, ResponseHead& head) {
    while (true) {
      head = ResponseHead();
      const Result<bool> taken = client.take_head(head);
      if (!taken) co_return std::unexpected(taken.error());
      if (*taken) co_return Result<>{};
      const net::Io more = co_await client.wait_more(loop_->now() + 5s);
      if (more != net::Io::ok) co_return fail(Reason::try_timeout, Side::upstream);
    }
  }
  // The head, to its last byte.
  static Task<Result<>> send_head(ClientExchange& client, const RequestHead& head, Bytes first,
                                  bool last) {
    const Result<bool> sent = client.send_head(head, first, last);
    if (!sent) co_return std::unexpected(sent.error());
    if (*sent) co_return Result<>{};
    co_return co_await client.flush();
  }
  struct Content {
    std::string text;
    Reason failure = Reason::none;
  };
  static Task<Content> content_of(ClientExchange& client) {
    Content out;
    while (true) {
      const auto piece = co_await client.read();
      if (!piece) out.failure = piece.error().reason;
      if (!piece || piece->empty()) co_return out;
      out.text += as_text(*piece);
    }
  }

  ConnectionInfo connection_;
  RequestHead request_;
  Loop* loop_ = nullptr;
  net::Stream* stream_ = nullptr;
  std::optional<Exchange> exchange_;
  std::unique_ptr<ClientExchange> client_;
  std::optional<bool> ended_;  // what the owner was told

 private:
  void answer_ended(bool reusable) noexcept override {
    EXPECT_FALSE(ended_) << "told twice";
    ended_ = reusable;
  }
};

TEST_F(ClientExchangeTest, SendsTheHeadByItsFraming) {
  struct Row {
    const char* name;
    Framing framing;
    const char* first;
    bool last;
    std::string expected;
  };
  const std::string line = "GET /a HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n";
  const std::string chunked = line + "Transfer-Encoding: chunked\r\n\r\n";
  const Row rows[] = {
      {"no content", Framing::none, "", true, line + "\r\n"},
      {"a length, nothing yet", Framing::length, "", false, line + "Content-Length: 5\r\n\r\n"},
      {"a length, all of it", Framing::length, "hello", true,
       line + "Content-Length: 5\r\n\r\nhello"},
      {"chunks, nothing yet", Framing::chunked, "", false, chunked},
      {"chunks, one", Framing::chunked, "hello", false, chunked + "5\r\nhello\r\n"},
      {"chunks, all of it", Framing::chunked, "hello", true, chunked + "5\r\nhello\r\n0\r\n\r\n"},
      {"chunks, none at all", Framing::chunked, "", true, chunked + "0\r\n\r\n"},
  };
  request_.headers.add("X-A", "1");
  request_.headers.add("Content-Length", "77");
  request_.content_length = 5;
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    request_.framing = row.framing;
    with_upstream([&](ClientExchange& client, Peer& upstream) -> Task<> {
      EXPECT_TRUE(co_await send_head(client, request_, as_bytes(row.first), row.last));
      EXPECT_EQ(co_await upstream.hear(row.expected.size()), row.expected);
    });
  }
}

TEST_F(ClientExchangeTest, SaysWhatTheConnectionIsFor) {
  struct Row {
    const char* name;
    bool websocket;
    bool trailers;
    const char* field;
  };
  const Row rows[] = {
      {"nothing special", false, false, ""},
      {"an upgrade", true, false, "Connection: Upgrade\r\n"},
      {"trailers", false, true, "Connection: TE\r\n"},
  };
  for (const Row& row : rows) {
    request_.upgrade_websocket = row.websocket;
    request_.te_trailers = row.trailers;
    with_upstream([&](ClientExchange& client, Peer& upstream) -> Task<> {
      EXPECT_TRUE(co_await send_head(client, request_, {}, true));
      EXPECT_EQ(co_await upstream.hear_to("\r\n\r\n"),
                std::string("GET /a HTTP/1.1\r\nHost: a\r\n") + row.field + "\r\n");
    });
  }
}

TEST_F(ClientExchangeTest, SendsContentAndItsEnd) {
  HeaderMap trailers;
  trailers.add("X-Sum", "7");
  for (const bool chunked : {true, false}) {
    request_.framing = chunked ? Framing::chunked : Framing::length;
    request_.content_length = 6;
    with_upstream([&](ClientExchange& client, Peer& upstream) -> Task<> {
      EXPECT_TRUE(co_await send_head(client, request_, {}, false));
      co_await upstream.hear_to("\r\n\r\n");
      EXPECT_TRUE(co_await client.send_content(as_bytes("hello")));
      EXPECT_TRUE(co_await client.send_content(as_bytes("!")));
      EXPECT_TRUE(co_await client.send_end(trailers));
      const std::string expected =
          chunked ? "5\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 7\r\n\r\n" : "hello!";
      EXPECT_EQ(co_await upstream.hear(expected.size()), expected);
    });
  }
}

TEST_F(ClientExchangeTest, ReadsAnswersToTheirEnd) {
  struct Row {
    const char* name;
    Method method;
    const char* answer;
    bool closes;
    int status;
    const char* content;
    bool reusable;
  };
  const Row rows[] = {
      {"a length", Method::get, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, 200,
       "hello", true},
      {"no content", Method::get, "HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", false, 404, "",
       true},
      {"chunks", Method::get,
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, 200,
       "hello", true},
      {"until close", Method::get, "HTTP/1.1 200 OK\r\n\r\nhello", true, 200, "hello", false},
      {"it says close", Method::get,
       "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", false, 200,
       "hello", false},
      {"an old upstream", Method::get, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", false,
       200, "hello", false},
      {"to HEAD", Method::head, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, 200, "",
       true},
      {"204", Method::get, "HTTP/1.1 204 X\r\n\r\n", false, 204, "", true},
      {"304 with a length", Method::get, "HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n", false, 304,
       "", true},
      {"more than it said", Method::get, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP",
       false, 200, "hello", false},
      {"more than nothing", Method::get, "HTTP/1.1 204 X\r\n\r\nHTTP", false, 204, "", false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    with_upstream(
        [&](ClientExchange& client, Peer& upstream) -> Task<> {
          EXPECT_TRUE(client.untouched());
          co_await upstream.say(row.answer);
          if (row.closes) upstream.leave();
          ResponseHead head;
          EXPECT_TRUE(co_await head_of(client, head));
          EXPECT_EQ(head.status, row.status);
          EXPECT_FALSE(client.untouched());
          const Content content = co_await content_of(client);
          EXPECT_EQ(content.text, row.content);
          EXPECT_EQ(content.failure, Reason::none);
          EXPECT_TRUE(client.complete());
          EXPECT_EQ(ended_, row.reusable);
        },
        row.method);
  }
}

TEST_F(ClientExchangeTest, AnswersThatBreakOff) {
  struct Row {
    const char* name;
    const char* answer;
    bool head;  // there was one
    Reason reason;
  };
  const Row rows[] = {
      {"nothing at all", "", false, Reason::upstream_reset},
      {"within the head", "HTTP/1.1 200 OK\r\nX-A", false, Reason::upstream_reset},
      {"no HTTP", "hello there\r\n\r\n", false, Reason::upstream_bad_response},
      {"within a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", true,
       Reason::upstream_incomplete},
      {"within chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n", true,
       Reason::upstream_incomplete},
      {"a chunk that is none",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhell\r\nx\r\n", true,
       Reason::upstream_incomplete},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    with_upstream([&](ClientExchange& client, Peer& upstream) -> Task<> {
      if (*row.answer != '\0') co_await upstream.say(row.answer);
      upstream.leave();
      ResponseHead head;
      const Result<> got = co_await head_of(client, head);
      EXPECT_EQ(got.has_value(), row.head);
      if (!got) {
        EXPECT_EQ(got.error().reason, row.reason);
        EXPECT_EQ(got.error().side, Side::upstream);
        co_return;
      }
      const Content content = co_await content_of(client);
      EXPECT_EQ(content.text, "hell");
      EXPECT_EQ(content.failure, row.reason);
      EXPECT_FALSE(client.complete());
      EXPECT_EQ(ended_, false);
    });
  }
}

TEST_F(ClientExchangeTest, InterimHeadsComeOneByOne) {
  with_upstream([&](ClientExchange& client, Peer& upstream) -> Task<> {
    co_await upstream.say(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    const std::array<int, 3> statuses{100, 103, 200};
    for (const int status : statuses) {
      ResponseHead head;
      EXPECT_TRUE(co_await head_of(client, head));
      EXPECT_EQ(head.status, status);
    }
    const Content content = co_await content_of(client);
    EXPECT_EQ(content.text, "ok");
  });
  EXPECT_EQ(ended_, true);
}

TEST_F(ClientExchangeTest, AHeadMayComeByteByByte) {
  with_upstream([&](ClientExchange& client, Peer& upstream) -> Task<> {
    ResponseHead head;
    std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
    for (std::size_t i = 0; i < answer.size(); ++i) {
      const Result<bool> taken = client.take_head(head);
      EXPECT_TRUE(taken && !*taken) << i;
      co_await upstream.say(answer.substr(i, 1));
      EXPECT_EQ(co_await client.wait_more(loop_->now() + 5s), net::Io::ok);
    }
    const Result<bool> taken = client.take_head(head);
    EXPECT_TRUE(taken && *taken);
    EXPECT_EQ(head.content_length, 2u);
  });
}

TEST_F(ClientExchangeTest, AHeadOverItsSizeIsRefused) {
  with_upstream(
      [&](ClientExchange& client, Peer& upstream) -> Task<> {
        co_await upstream.say("HTTP/1.1 200 OK\r\nX-A: " + std::string(2000, 'a'));
        ResponseHead head;
        const Result<> got = co_await head_of(client, head);
        EXPECT_FALSE(got);
        if (!got) {
          EXPECT_EQ(got.error().reason, Reason::upstream_headers_too_large);
        }
      },
      Method::get, 1000);
}

TEST_F(ClientExchangeTest, AnIdleAnswerIsGivenUp) {
  with_upstream([&](ClientExchange& client, Peer& upstream) -> Task<> {
    exchange_->clock.idle_timeout = 20ms;
    co_await upstream.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    ResponseHead head;
    EXPECT_TRUE(co_await head_of(client, head));
    const Content content = co_await content_of(client);
    EXPECT_EQ(content.text, "he");
    EXPECT_EQ(content.failure, Reason::request_timeout);
  });
  EXPECT_EQ(ended_, false);
}

TEST_F(ClientExchangeTest, AbortEndsAWaitingRead) {
  with_upstream([&](ClientExchange& client, Peer& upstream) -> Task<> {
    co_await upstream.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    ResponseHead head;
    EXPECT_TRUE(co_await head_of(client, head));
    Content content;
    net::TaskGroup group(*loop_);
    const auto reader = [&]() -> Task<> { content = co_await content_of(client); };
    group.spawn(reader());
    client.abort(Reason::client_closed);
    client.abort(Reason::draining);
    EXPECT_TRUE(co_await group.join(loop_->now() + 5s));
    EXPECT_EQ(content.failure, Reason::client_closed);
    EXPECT_FALSE(client.complete());
  });
  EXPECT_EQ(ended_, false);
}

TEST_F(ClientExchangeTest, AfterA101TheBytesAreTheTunnels) {
  with_upstream([&](ClientExchange& client, Peer& upstream) -> Task<> {
    co_await upstream.say("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhi");
    ResponseHead head;
    EXPECT_TRUE(co_await head_of(client, head));
    EXPECT_EQ(head.status, 101);
    EXPECT_EQ(ended_, std::nullopt);
    const auto heard = co_await client.bytes().read();
    EXPECT_TRUE(heard && as_text(*heard) == "hi");
    EXPECT_TRUE(co_await client.bytes().write(as_bytes("ho")));
    EXPECT_EQ(co_await upstream.hear(2), "ho");
    client.bytes().shutdown_write();
    EXPECT_EQ(co_await upstream.hear_all(), "");
    upstream.leave();
    const auto end = co_await client.bytes().read();
    EXPECT_TRUE(end && end->empty());
  });
}

TEST_F(ClientExchangeTest, WritingToAnUpstreamThatLeft) {
  with_upstream([&](ClientExchange& client, Peer& upstream) -> Task<> {
    upstream.reset();
    EXPECT_TRUE(co_await until(*loop_, [&] { return stream_->broken(); }));
    const Result<> sent = co_await send_head(client, request_, {}, true);
    EXPECT_FALSE(sent);
    if (!sent) {
      EXPECT_EQ(sent.error().reason, Reason::upstream_reset);
    }
    EXPECT_TRUE(client.untouched());
  });
}

}  // namespace
}  // namespace weir::codec::h1
