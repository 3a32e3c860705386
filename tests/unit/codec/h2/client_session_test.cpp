#include "codec/h2/client_session.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/loop_run.hpp"
#include "net/sockets.hpp"

namespace weir::codec::h2 {
namespace {

enum : char { headers = 1, rst_stream = 3, settings = 4, ping = 6, goaway = 7 };

std::string number(std::uint32_t value) {
  std::string out;
  for (unsigned shift = 24;; shift -= 8) {
    out += static_cast<char>(value >> shift & 255);
    if (shift == 0) return out;
  }
}

std::string frame(char type, char flags, char stream, const std::string& content = {}) {
  return number(static_cast<std::uint32_t>(content.size())).substr(1) + type + flags +
         std::string(3, '\0') + stream + content;
}

std::string setting(char id, std::uint32_t value) { return std::string{'\0', id} + number(value); }

// The upstream's end of a connection, in the test's hands.
class ClientSessionTest : public testing::Test, private ClientExchange::Owner {
 protected:
  template <class Talk>
  void with_session(Talk talk) {
    net::run_on(loop_, [&]() -> Task<> {
      auto [near, far] = net::socket_pair();
      far_ = std::move(far);
      ClientOptions options;
      options.ping_interval = std::chrono::milliseconds(100);
      options.ping_timeout = std::chrono::milliseconds(100);
      ClientSession session(std::make_unique<net::Stream>(loop_, near.release()), options);
      co_await talk(session);
      streams_.clear();
    });
  }
  Task<Result<>> begin(ClientSession& session, const std::string& said = {}) {
    far_.send(frame(settings, 0, 0, said));
    co_return co_await session.ready(loop_.now() + std::chrono::seconds(10));
  }
  // A GET that the upstream has been sent.
  ClientExchange& ask(ClientSession& session) {
    exchanges_.push_back(std::make_unique<Exchange>(connection_, loop_.now()));
    exchanges_.back()->clock.last_activity = loop_.now();
    streams_.push_back(session.begin(exchanges_.back()->clock, exchanges_.back()->scope, *this,
                                     Method::get, 1000));
    RequestHead head;
    head.method = Method::get;
    head.method_text = "GET";
    head.path = "/";
    head.authority = "a.test";
    EXPECT_TRUE(streams_.back()->send_head(head, {}, true).has_value());
    return *streams_.back();
  }
  // Whether `stream` fails within the time that a test has; why.
  Task<Reason> failure_of(ClientExchange& stream) {
    while (true) {
      ResponseHead head;
      const auto came = stream.take_head(head);
      if (!came) co_return came.error().reason;
      if (*came) co_return Reason::none;
      const auto io = co_await stream.wait_more(loop_.now() + std::chrono::seconds(10));
      if (io == net::Io::timeout) co_return Reason::internal;
    }
  }

  net::Loop loop_;
  net::Socket far_;

 private:
  void answer_ended(bool) noexcept override {}

  const ConnectionInfo connection_;
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  std::vector<std::unique_ptr<ClientExchange>> streams_;
};

TEST_F(ClientSessionTest, ThePeersLimitOfStreams) {
  with_session([this](ClientSession& session) -> Task<> {
    const auto ready = co_await begin(session, setting(3, 7));
    EXPECT_TRUE(ready.has_value());
    EXPECT_EQ(session.limit(), 7U);
    EXPECT_FALSE(session.offers_extended_connect());
    far_.send(frame(settings, 0, 0, setting(3, 9) + setting(8, 1)));
    const bool raised = co_await net::until(loop_, [&] { return session.limit() == 9; });
    EXPECT_TRUE(raised);
    EXPECT_TRUE(session.offers_extended_connect());
  });
}

TEST_F(ClientSessionTest, APeerWithoutALimitHasOurs) {
  with_session([this](ClientSession& session) -> Task<> {
    const auto ready = co_await begin(session);
    EXPECT_TRUE(ready.has_value());
    EXPECT_EQ(session.limit(), 1000U);
  });
}

TEST_F(ClientSessionTest, WhatIsNoHttp2) {
  with_session([this](ClientSession& session) -> Task<> {
    far_.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    const auto ready = co_await session.ready(loop_.now() + std::chrono::seconds(10));
    EXPECT_FALSE(ready.has_value());
    EXPECT_EQ(ready.error().reason, Reason::upstream_bad_response);
    EXPECT_TRUE(session.closed());
  });
}

TEST_F(ClientSessionTest, AnEndWithoutAWord) {
  with_session([this](ClientSession& session) -> Task<> {
    far_.close();
    const auto ready = co_await session.ready(loop_.now() + std::chrono::seconds(10));
    EXPECT_FALSE(ready.has_value());
    EXPECT_EQ(ready.error().reason, Reason::upstream_reset);
  });
}

TEST_F(ClientSessionTest, GoawayGivesBackWhatWasNotTaken) {
  with_session([this](ClientSession& session) -> Task<> {
    const auto ready = co_await begin(session);
    EXPECT_TRUE(ready.has_value());
    ClientExchange& taken = ask(session);
    ClientExchange& left = ask(session);
    co_await net::pass(loop_, std::chrono::milliseconds(5));
    far_.send(frame(goaway, 0, 0, number(1) + number(0)));
    const Reason reason = co_await failure_of(left);
    EXPECT_EQ(reason, Reason::upstream_reset);
    EXPECT_TRUE(left.unprocessed());
    EXPECT_TRUE(session.ending());
    EXPECT_EQ(session.limit(), 0U);
    EXPECT_FALSE(session.closed());
    // The one it took is answered.
    far_.send(frame(headers, 5, 1, "\x88"));
    const Reason answered = co_await failure_of(taken);
    EXPECT_EQ(answered, Reason::none);
    EXPECT_FALSE(taken.unprocessed());
  });
}

TEST_F(ClientSessionTest, ARefusedStreamMayBeSentAgain) {
  with_session([this](ClientSession& session) -> Task<> {
    const auto ready = co_await begin(session);
    EXPECT_TRUE(ready.has_value());
    ClientExchange& stream = ask(session);
    co_await net::pass(loop_, std::chrono::milliseconds(5));
    far_.send(frame(rst_stream, 0, 1, number(7)));
    const Reason reason = co_await failure_of(stream);
    EXPECT_EQ(reason, Reason::upstream_reset);
    EXPECT_TRUE(stream.unprocessed());
    EXPECT_TRUE(stream.untouched());
    EXPECT_TRUE(session.refusing());
    EXPECT_FALSE(session.ending());
  });
}

TEST_F(ClientSessionTest, AnotherResetMayNot) {
  with_session([this](ClientSession& session) -> Task<> {
    const auto ready = co_await begin(session);
    EXPECT_TRUE(ready.has_value());
    ClientExchange& stream = ask(session);
    co_await net::pass(loop_, std::chrono::milliseconds(5));
    far_.send(frame(rst_stream, 0, 1, number(2)));
    const Reason reason = co_await failure_of(stream);
    EXPECT_EQ(reason, Reason::upstream_reset);
    EXPECT_FALSE(stream.unprocessed());
    // The connection is not stale: it carried the request there.
    EXPECT_FALSE(stream.untouched());
  });
}

TEST_F(ClientSessionTest, APeerThatAnswersNoPingIsDead) {
  with_session([this](ClientSession& session) -> Task<> {
    const auto ready = co_await begin(session);
    EXPECT_TRUE(ready.has_value());
    ClientExchange& stream = ask(session);
    co_await net::pass(loop_, std::chrono::milliseconds(5));
    far_.receive();
    const TimePoint now = loop_.now();
    loop_.wheel().advance(now + std::chrono::milliseconds(150));
    co_await net::pass(loop_, std::chrono::milliseconds(5));
    EXPECT_NE(far_.receive().find(frame(ping, 0, 0, std::string(8, '\0'))), std::string::npos);
    EXPECT_FALSE(session.closed());
    loop_.wheel().advance(now + std::chrono::milliseconds(300));
    EXPECT_TRUE(session.closed());
    const Reason reason = co_await failure_of(stream);
    EXPECT_EQ(reason, Reason::upstream_reset);
    EXPECT_FALSE(stream.unprocessed());
  });
}

TEST_F(ClientSessionTest, AnIdleConnectionIsNotPinged) {
  with_session([this](ClientSession& session) -> Task<> {
    const auto ready = co_await begin(session);
    EXPECT_TRUE(ready.has_value());
    loop_.wheel().advance(loop_.now() + std::chrono::seconds(10));
    EXPECT_FALSE(session.closed());
  });
}

}  // namespace
}  // namespace weir::codec::h2
