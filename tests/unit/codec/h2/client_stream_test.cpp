#include "codec/h2/client_stream.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "codec/h2/client_session.hpp"
#include "net/loop_run.hpp"
#include "net/sockets.hpp"

namespace weir::codec::h2 {
namespace {

class ClientStreamTest : public testing::Test, private ClientExchange::Owner {
 protected:
  // Runs `talk(stream)` on a stream that nobody has opened: what came is said by the test.
  template <class Talk>
  void with_stream(Talk talk) {
    net::Loop loop;
    net::run_on(loop, [&]() -> Task<> {
      auto [near, far] = net::socket_pair();
      ClientSession session(std::make_unique<net::Stream>(loop, near.release()), {});
      const ConnectionInfo connection;
      Exchange exchange(connection, loop.now());
      exchange.clock.last_activity = loop.now();
      ClientStream stream(session, loop, exchange.clock, exchange.scope, *this, Method::get, 1000);
      co_await talk(stream);
    });
  }
  static void head_comes(ClientStream& stream) {
    stream.fields_begin();
    stream.field(":status", "200");
    stream.fields_complete(false);
    ResponseHead head;
    EXPECT_TRUE(stream.take_head(head).value_or(false));
  }

  std::optional<bool> reusable_;

 private:
  void answer_ended(bool reusable) noexcept override { reusable_ = reusable; }
};

TEST_F(ClientStreamTest, ContentIsReadToItsEnd) {
  with_stream([this](ClientStream& stream) -> Task<> {
    head_comes(stream);
    stream.content(as_bytes("abc"));
    stream.content_ended();
    const auto piece = co_await stream.read();
    EXPECT_TRUE(piece.has_value() && as_text(*piece) == "abc");
    EXPECT_TRUE(stream.complete());
    EXPECT_EQ(reusable_, true);
  });
}

TEST_F(ClientStreamTest, WhatIsAbortedFailsThoughItsEndHasCome) {
  with_stream([this](ClientStream& stream) -> Task<> {
    head_comes(stream);
    stream.content_ended();
    stream.abort(Reason::client_closed);
    const auto piece = co_await stream.read();
    EXPECT_FALSE(piece.has_value());
    EXPECT_EQ(piece.error().reason, Reason::client_closed);
    EXPECT_FALSE(stream.complete());
    EXPECT_EQ(reusable_, false);
  });
}

TEST_F(ClientStreamTest, ContentThatNobodyTookIsLostWithAnAbort) {
  with_stream([](ClientStream& stream) -> Task<> {
    head_comes(stream);
    stream.content(as_bytes("abc"));
    stream.content_ended();
    stream.abort(Reason::client_closed);
    EXPECT_TRUE(stream.read_ready().empty());
    const auto piece = co_await stream.read();
    EXPECT_FALSE(piece.has_value());
  });
}

}  // namespace
}  // namespace weir::codec::h2
