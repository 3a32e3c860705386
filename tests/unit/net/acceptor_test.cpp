#include "weir/net/acceptor.hpp"

#include <gtest/gtest.h>
#include <linux/filter.h>

#include <vector>

#include "net/handshakes_begun.hpp"
#include "net/loop_run.hpp"
#include "net/sockets.hpp"

namespace weir::net {
namespace {

using namespace std::chrono_literals;

// A client that sends its SYN and does not hear the answer.
Socket half_open(const SocketAddress& to) {
  Socket client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{1, &nothing};
  EXPECT_EQ(::setsockopt(client.fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
  sockaddr_storage storage;
  const socklen_t length = to.to_sockaddr(storage);
  EXPECT_LT(::connect(client.fd(), reinterpret_cast<sockaddr*>(&storage), length), 0);
  return client;
}

Socket connected(const SocketAddress& to) {
  Socket client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage;
  const socklen_t length = to.to_sockaddr(storage);
  EXPECT_EQ(::connect(client.fd(), reinterpret_cast<sockaddr*>(&storage), length), 0);
  return client;
}

ListenSockets listening() {
  return ListenSockets::open(SocketAddress::parse("127.0.0.1:0").value(), 1).value();
}

TEST(HandshakesBegun, AreThoseOfThePort) {
  const ListenSockets sockets = listening();
  const ListenSockets others = listening();
  const std::uint16_t port = sockets.address().port();
  if (!handshakes_begun(AF_INET, port)) GTEST_SKIP() << "the kernel does not tell";
  const Socket complete = connected(sockets.address());
  EXPECT_EQ(handshakes_begun(AF_INET, port), false);
  const Socket client = half_open(sockets.address());
  EXPECT_EQ(handshakes_begun(AF_INET, port), true);
  EXPECT_EQ(handshakes_begun(AF_INET6, port), false);
  EXPECT_EQ(handshakes_begun(AF_INET, others.address().port()), false);
}

class AcceptorTest : public testing::Test {
 protected:
  AcceptorTest() : sockets_(listening()) {}
  std::unique_ptr<Acceptor> acceptor(Loop& loop) {
    return std::make_unique<Acceptor>(
        loop, sockets_.take(0), [this](int fd, const SocketAddress&) { got_.emplace_back(fd); });
  }

  ListenSockets sockets_;
  std::vector<Socket> got_;
};

TEST_F(AcceptorTest, ClosesAtOnceWithWhoIsQueued) {
  const SocketAddress address = sockets_.address();
  if (!handshakes_begun(AF_INET, address.port())) GTEST_SKIP() << "the kernel does not tell";
  Loop loop;
  const std::unique_ptr<Acceptor> at = acceptor(loop);
  const Socket one = connected(address);
  const Socket two = connected(address);
  bool closed = false;
  at->close([&] { closed = true; });
  EXPECT_TRUE(closed);
  EXPECT_EQ(got_.size(), 2u);
  const Socket late(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage;
  const socklen_t length = address.to_sockaddr(storage);
  EXPECT_LT(::connect(late.fd(), reinterpret_cast<sockaddr*>(&storage), length), 0);
  EXPECT_EQ(errno, ECONNREFUSED);
}

TEST_F(AcceptorTest, WaitsForAHandshakeButNotForEver) {
  const SocketAddress address = sockets_.address();
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    const std::unique_ptr<Acceptor> at = acceptor(loop);
    const Socket client = half_open(address);
    bool closed = false;
    const TimePoint began = loop.now();
    at->close([&] { closed = true; });
    EXPECT_FALSE(closed);
    EXPECT_TRUE(co_await until(loop, [&] { return closed; }));
    EXPECT_GE(loop.now() - began, 400ms);
    EXPECT_TRUE(got_.empty());
  });
}

}  // namespace
}  // namespace weir::net
