// Two real servers of one process, of which one hands its listener over to the other.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/server/server.hpp"

namespace weir::server {
namespace {

using namespace std::chrono_literals;

constexpr int first = 700;  // above all that a test has open

Server::Source source_of(const std::string& body) {
  return [body] {
    return config::load_text(R"(
version: 1
server: {workers: 1, drain_timeout: 5s, handover_timeout: 20s}
access_log: {path: "off"}
admin: "off"
listeners: [{name: http, bind: "127.0.0.1:0"}]
routes: [{name: a, match: {path_prefix: /}, respond: {body: )" +
                             body + "}}]\n");
  };
}

// Copies of the old one's sockets, as another process has them.
net::PassedSockets passed_on(const Server& old) {
  auto sockets = old.listening();
  EXPECT_TRUE(sockets) << sockets.error();
  std::vector<net::HandedAddress> addresses;
  int at = first;
  for (const net::HandedSockets& one : *sockets) {
    addresses.push_back(one.address);
    for (const Descriptor& fd : one.fds) {
      EXPECT_EQ(::dup2(fd.get(), at), at);
      ++at;
    }
  }
  auto passed = net::PassedSockets::adopt_handed(first, addresses);
  EXPECT_TRUE(passed) << passed.error();
  return std::move(*passed);
}

class Peer {
 public:
  explicit Peer(const SocketAddress& to) {
    sockaddr_storage storage;
    const socklen_t length = to.to_sockaddr(storage);
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&storage), length), 0);
    const std::string request = "GET / HTTP/1.0\r\nHost: a\r\n\r\n";
    EXPECT_EQ(::send(fd_.get(), request.data(), request.size(), 0),
              static_cast<ssize_t>(request.size()));
  }
  bool has_answer() const {
    char byte;
    return ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
  }
  // What comes until the end, within the socket's time.
  std::string answer() const {
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    std::string out;
    char bytes[1024];
    for (ssize_t got; (got = ::recv(fd_.get(), bytes, sizeof bytes, 0)) > 0;) {
      out.append(bytes, static_cast<std::size_t>(got));
    }
    return out;
  }

 private:
  Descriptor fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
};

class HandOverTest : public testing::Test {
 protected:
  void start(Server& server) {
    const auto begun = server.start();
    ASSERT_TRUE(begun) << begun.error().front().to_string();
  }
  template <class Condition>
  bool run_until(Condition condition) {
    const TimePoint end = Clock::now() + 20s;
    while (!condition() && Clock::now() < end) {
      main_.restart();
      main_.run_one_for(5ms);
    }
    return condition();
  }
  void run_for(Duration time) {
    const TimePoint end = Clock::now() + time;
    run_until([&] { return Clock::now() >= end; });
  }
  int end(Server& server) {
    std::optional<int> code;
    server.shut_down([&](int earned) { code = earned; });
    EXPECT_TRUE(run_until([&] { return code.has_value(); }));
    return code.value_or(-1);
  }

  asio::io_context main_;
};

TEST_F(HandOverTest, TheNewOneAcceptsWhenTheOldOneHasLetGo) {
  auto old = std::make_unique<Server>(main_, source_of("old"));
  start(*old);
  ASSERT_TRUE(run_until([&] { return old->can_hand_over(); }));
  const SocketAddress address = old->listeners().front().second;

  Server next(main_, source_of("new"), passed_on(*old));
  start(next);
  bool able = false, ready = false, released = false;
  next.when_able([&] { able = true; });
  next.when_ready([&] { ready = true; });
  next.when_released([&] { released = true; });
  ASSERT_TRUE(run_until([&] { return able; }));
  EXPECT_EQ(next.listeners().front().second, address);
  EXPECT_TRUE(next.is_held());
  EXPECT_FALSE(next.is_ready());
  EXPECT_FALSE(next.can_hand_over());
  // All that come are the old one's so far.
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(Peer(address).answer().ends_with("old"));

  std::optional<int> ended;
  old->hand_over([&](int code) { ended = code; });
  EXPECT_FALSE(old->can_hand_over());
  ASSERT_TRUE(run_until([&] { return ended.has_value(); }));
  EXPECT_EQ(ended, 0);
  old.reset();
  // Nobody accepts in between, and nobody is refused.
  const Peer queued(address);
  run_for(20ms);
  EXPECT_FALSE(queued.has_answer());
  EXPECT_FALSE(ready || released);
  next.release();
  EXPECT_TRUE(ready && released);
  EXPECT_FALSE(next.is_held());
  EXPECT_TRUE(queued.answer().ends_with("new"));
  EXPECT_EQ(end(next), 0);
}

TEST_F(HandOverTest, OneThatIsGivenUpTakesNothingAway) {
  Server old(main_, source_of("old"));
  start(old);
  ASSERT_TRUE(run_until([&] { return old.can_hand_over(); }));
  const SocketAddress address = old.listeners().front().second;
  {
    Server next(main_, source_of("new"), passed_on(old));
    start(next);
    bool able = false;
    next.when_able([&] { able = true; });
    ASSERT_TRUE(run_until([&] { return able; }));
    EXPECT_EQ(end(next), 0);
  }
  EXPECT_TRUE(Peer(address).answer().ends_with("old"));
  EXPECT_EQ(end(old), 0);
}

TEST_F(HandOverTest, TheDrainIsHurriedOnce) {
  Server old(main_, source_of("old"));
  start(old);
  ASSERT_TRUE(run_until([&] { return old.can_hand_over(); }));
  const Descriptor idle(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage;
  const socklen_t length = old.listeners().front().second.to_sockaddr(storage);
  ASSERT_EQ(::connect(idle.get(), reinterpret_cast<sockaddr*>(&storage), length), 0);
  std::optional<int> ended;
  const net::PassedSockets others = passed_on(old);  // or it would be closed
  old.hand_over([&](int code) { ended = code; });
  old.shut_down([](int) { FAIL() << "hand_over() has said who is told"; });
  EXPECT_FALSE(ended);
  old.shut_down([](int) {});  // at once
  ASSERT_TRUE(run_until([&] { return ended.has_value(); }));
  EXPECT_EQ(ended, 0);
}

}  // namespace
}  // namespace weir::server
