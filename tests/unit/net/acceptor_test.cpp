#include "weir/net/acceptor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "net/handshakes_begun.hpp"
#include "net/loop_run.hpp"
#include "net/sockets.hpp"
#include "support/no_descriptors.hpp"
#include "weir/net/stream.hpp"
#include "weir/net/turn_taking.hpp"

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

// Keeps what an acceptor gets.
class Guests final : public Acceptor::Sink {
 public:
  void accepted(Descriptor connection, const SocketAddress&) override {
    if (throws-- > 0) throw std::bad_alloc();
    got.emplace_back(connection.release());
  }
  void accept_failed(int error) noexcept override { errors.push_back(error); }

  std::vector<Socket> got;
  std::vector<int> errors;
  int throws = 0;
};

// Refuses to watch what comes behind the loop's own bell.
class FullReactor final : public Reactor {
 public:
  bool add(int fd, ReadyTarget& target) noexcept override {
    if (added_++ == 0) return real_->add(fd, target);
    errno = ENOSPC;
    return false;
  }
  void forget(int fd, ReadyTarget& target) noexcept override { real_->forget(fd, target); }
  void wait(TimePoint now, TimePoint until) noexcept override { real_->wait(now, until); }
  void tell_again(ReadyTarget& target) override { real_->tell_again(target); }
  void dispatch() noexcept override { real_->dispatch(); }

 private:
  const std::unique_ptr<Reactor> real_ = make_epoll_reactor();
  int added_ = 0;
};

class AcceptorTest : public testing::Test {
 protected:
  AcceptorTest() : sockets_(listening()), address_(sockets_.address()) {}
  std::unique_ptr<Acceptor> acceptor(Loop& loop) {
    auto out = Acceptor::open(loop, sockets_.take(0), guests_);
    EXPECT_TRUE(out) << out.error();
    return std::move(*out);
  }

  ListenSockets sockets_;
  const SocketAddress address_;
  Guests guests_;
};

TEST_F(AcceptorTest, ClosesAtOnceWithWhoIsQueued) {
  if (!handshakes_begun(AF_INET, address_.port())) GTEST_SKIP() << "the kernel does not tell";
  Loop loop;
  const std::unique_ptr<Acceptor> at = acceptor(loop);
  const Socket one = connected(address_);
  const Socket two = connected(address_);
  bool closed = false;
  at->close([&] { closed = true; });
  EXPECT_TRUE(closed);
  EXPECT_EQ(guests_.got.size(), 2u);
  const Socket late(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage;
  const socklen_t length = address_.to_sockaddr(storage);
  EXPECT_LT(::connect(late.fd(), reinterpret_cast<sockaddr*>(&storage), length), 0);
  EXPECT_EQ(errno, ECONNREFUSED);
}

TEST_F(AcceptorTest, ClosesWithAllOfALongQueue) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    const std::unique_ptr<Acceptor> at = acceptor(loop);
    std::vector<Socket> clients;
    for (unsigned i = 0; i < 3 * accepts_a_turn; ++i) clients.push_back(connected(address_));
    bool closed = false;
    at->close([&] { closed = true; });
    EXPECT_TRUE(co_await until(loop, [&] { return closed; }));
    EXPECT_EQ(guests_.got.size(), clients.size());
  });
}

TEST_F(AcceptorTest, WaitsForAHandshakeButNotForEver) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    const std::unique_ptr<Acceptor> at = acceptor(loop);
    const Socket client = half_open(address_);
    bool closed = false;
    const TimePoint began = loop.now();
    at->close([&] { closed = true; });
    EXPECT_FALSE(closed);
    EXPECT_TRUE(co_await until(loop, [&] { return closed; }));
    EXPECT_GE(loop.now() - began, 400ms);
    EXPECT_TRUE(guests_.got.empty());
  });
}

TEST_F(AcceptorTest, LooksForHandshakesSeldomAndNotByItself) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    const std::unique_ptr<Acceptor> at = acceptor(loop);
    int looks = 0;
    bool closed = false;
    // Nobody looks: a handshake is always under way.
    const Acceptor::Ask ask = [&](const std::function<bool()>&, std::function<void(bool)> told) {
      ++looks;
      loop.mailbox().post([told] { told(true); });
    };
    at->close([&] { closed = true; }, ask);
    EXPECT_TRUE(co_await until(loop, [&] { return closed; }));
    EXPECT_GE(looks, 2);
    EXPECT_LE(looks, 8);
  });
}

TEST_F(AcceptorTest, AnAnswerThatDoesNotComeIsNotWaitedFor) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    const std::unique_ptr<Acceptor> at = acceptor(loop);
    std::function<void(bool)> tell;
    bool closed = false;
    at->close([&] { closed = true; },
              [&](const std::function<bool()>&, std::function<void(bool)> told) { tell = told; });
    EXPECT_TRUE(co_await until(loop, [&] { return closed; }));
    tell(false);  // too late
  });
}

TEST_F(AcceptorTest, TakesSoManyATurn) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    std::vector<Socket> clients;
    for (unsigned i = 0; i < 4 * accepts_a_turn; ++i) clients.push_back(connected(address_));
    const std::unique_ptr<Acceptor> at = acceptor(loop);
    TurnTaking turns(loop);
    std::size_t before = 0;
    std::size_t most = 0;
    for (int turn = 0; turn < 1000 && before < clients.size(); ++turn) {
      co_await turns.yield();
      most = std::max(most, guests_.got.size() - before);
      before = guests_.got.size();
    }
    EXPECT_EQ(before, clients.size());
    EXPECT_LE(most, accepts_a_turn);
  });
}

TEST_F(AcceptorTest, WithoutADescriptorItTellsAndTriesAgain) {
  if (weir::test::needs_descriptors) GTEST_SKIP() << "UBSan needs descriptors";
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    const std::unique_ptr<Acceptor> at = acceptor(loop);
    const Socket client = connected(address_);
    bool told = false;
    {
      const weir::test::NoDescriptors none;
      told = co_await until(loop, [&] { return !guests_.errors.empty(); });
    }
    EXPECT_TRUE(told);
    EXPECT_EQ(told ? guests_.errors.front() : 0, EMFILE);
    EXPECT_TRUE(co_await until(loop, [&] { return guests_.got.size() == 1; }));
  });
}

TEST_F(AcceptorTest, WithoutMemoryThatConnectionIsClosed) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    const std::unique_ptr<Acceptor> at = acceptor(loop);
    guests_.throws = 1;
    const Socket first = connected(address_);
    EXPECT_TRUE(co_await until(loop, [&] { return !guests_.errors.empty(); }));
    EXPECT_EQ(guests_.errors, std::vector<int>{ENOMEM});
    EXPECT_EQ(first.receive(), "");
    const Socket second = connected(address_);
    EXPECT_TRUE(co_await until(loop, [&] { return guests_.got.size() == 1; }));
  });
}

TEST_F(AcceptorTest, ASocketThatCannotBeWatchedIsAnError) {
  Loop loop(std::make_unique<FullReactor>());
  const auto refused = Acceptor::open(loop, sockets_.take(0), guests_);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().starts_with("the socket cannot be watched: ")) << refused.error();
  auto [near, far] = socket_pair();
  const Stream stream(loop, near.release());
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_FALSE(stream.is_open());
  EXPECT_EQ(far.receive(), "");
}

// As a service manager does, who holds the socket that it passed.
TEST_F(AcceptorTest, ASocketThatAnotherHoldsWakesNobodyAfterTheClose) {
  Descriptor mine = sockets_.take(0);
  const Socket others(::dup(mine.get()));
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    auto at = Acceptor::open(loop, std::move(mine), guests_, true);
    EXPECT_TRUE(at);
    bool closed = false;
    (*at)->close([&] { closed = true; });
    EXPECT_TRUE(closed);
    const Socket client = connected(address_);
    co_await pass(loop, 120ms);
    EXPECT_TRUE(guests_.errors.empty());
    EXPECT_TRUE(guests_.got.empty());
  });
}

TEST_F(AcceptorTest, LeavesASocketAsItIs) {
  // A copy is what another process has.
  auto others = sockets_.duplicate();
  ASSERT_TRUE(others) << others.error();
  ASSERT_EQ(others->size(), 1u);
  EXPECT_EQ(::fcntl(others->front().get(), F_GETFD), FD_CLOEXEC);
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    auto at = Acceptor::open(loop, sockets_.take(0), guests_);
    EXPECT_TRUE(at);
    const Socket queued = connected(address_);
    (*at)->leave();
    (*at)->leave();
    const Socket late = connected(address_);
    co_await pass(loop, 20ms);
    EXPECT_TRUE(guests_.got.empty());
    // Both wait for whoever has the copy.
    for (int i = 0; i < 2; ++i) {
      const Socket accepted(::accept4(others->front().get(), nullptr, nullptr, SOCK_NONBLOCK));
      EXPECT_GE(accepted.fd(), 0) << i;
    }
  });
}

TEST(ListenSockets, ACopyOfAClosedOneIsAnError) {
  ListenSockets sockets = listening();
  EXPECT_EQ(sockets.asked(), "127.0.0.1:0");
  EXPECT_FALSE(sockets.is_handed());
  sockets.take(0).close();
  EXPECT_FALSE(sockets.duplicate());
}

class Told final : public ReadyTarget {
 public:
  void on_ready(std::uint8_t) noexcept override { ++times; }
  int times = 0;
};

TEST(Reactor, ForgetsASocketThatAnotherHolds) {
  const std::unique_ptr<Reactor> reactor = make_epoll_reactor();
  auto [near, far] = socket_pair();
  const Socket others(::dup(near.fd()));
  Told target;
  ASSERT_TRUE(reactor->add(near.fd(), target));
  reactor->wait(Clock::now(), Clock::now());
  reactor->dispatch();
  EXPECT_EQ(target.times, 1);  // it can be written
  reactor->forget(near.fd(), target);
  near.close();
  EXPECT_TRUE(far.send("x"));
  const TimePoint now = Clock::now();
  reactor->wait(now, now + 50ms);
  EXPECT_GE(Clock::now() - now, 45ms);
  reactor->dispatch();
  EXPECT_EQ(target.times, 1);
}

TEST(Reactor, TellsAgainOnceInTheNextTurn) {
  const std::unique_ptr<Reactor> reactor = make_epoll_reactor();
  auto [near, far] = socket_pair();
  Told target;
  Told gone;
  ASSERT_TRUE(reactor->add(near.fd(), target));
  ASSERT_TRUE(reactor->add(far.fd(), gone));
  reactor->wait(Clock::now(), Clock::now());
  reactor->dispatch();
  EXPECT_EQ(target.times, 1);
  reactor->tell_again(target);
  reactor->tell_again(target);
  reactor->tell_again(gone);
  reactor->forget(far.fd(), gone);
  reactor->wait(Clock::now(), no_deadline);  // does not wait
  reactor->dispatch();
  EXPECT_EQ(target.times, 2);
  EXPECT_EQ(gone.times, 1);
  reactor->wait(Clock::now(), Clock::now());
  reactor->dispatch();
  EXPECT_EQ(target.times, 2);
}

bool answers(const std::string& at, const ListenSockets& sockets) {
  const SocketAddress address =
      SocketAddress::parse(at + ":" + std::to_string(sockets.address().port())).value();
  const Socket client(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage;
  const socklen_t length = address.to_sockaddr(storage);
  return ::connect(client.fd(), reinterpret_cast<sockaddr*>(&storage), length) == 0;
}

TEST(ListenSockets, OneSocketMayTakeBothFamilies) {
  const SocketAddress any = SocketAddress::parse("[::]:0").value();
  const auto alone = ListenSockets::open(any, 1);
  if (!alone) GTEST_SKIP() << "no IPv6 here: " << alone.error();
  EXPECT_TRUE(answers("[::1]", *alone));
  EXPECT_FALSE(answers("127.0.0.1", *alone));
  const auto both = ListenSockets::open(any, 2, true);
  ASSERT_TRUE(both) << both.error();
  EXPECT_EQ(both->size(), 2u);
  EXPECT_TRUE(answers("[::1]", *both));
  EXPECT_TRUE(answers("127.0.0.1", *both));
  // And nobody takes one of them away unnoticed.
  const SocketAddress v4(IpAddress::v4({}), both->address().port());
  const auto second = ListenSockets::open(v4, 1);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), "address already in use");
}

TEST(ListenSockets, OneThatWasPassedCanBeTakenAgain) {
  auto bound = ListenSockets::open(SocketAddress::parse("127.0.0.1:0").value(), 1);
  ASSERT_TRUE(bound) << bound.error();
  auto passed = ListenSockets::passed(bound->address(), {bound->take(0).release()});
  EXPECT_FALSE(bound->take(0)) << "it was taken";
  {
    const Descriptor first = passed.take(0);
    const Descriptor second = passed.take(0);
    EXPECT_TRUE(first);
    EXPECT_TRUE(second);
    EXPECT_NE(first.get(), second.get());
  }
  EXPECT_TRUE(answers("127.0.0.1", passed)) << "given up, the socket still listens";
  EXPECT_TRUE(passed.take(0));
}

TEST(ListenSockets, WithoutIPv6BothFamiliesAreIPv4) {
  // A kernel without IPv6 for the thread that is asked: socket(AF_INET6) is EAFNOSUPPORT.
  std::optional<ListenSockets> both;
  std::string error;
  std::jthread([&] {
    std::array<sock_filter, 6> code{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog program{code.size(), code.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
      return;
    }
    auto opened = ListenSockets::open(SocketAddress::parse("[::]:0").value(), 1, true);
    if (opened) {
      both.emplace(std::move(*opened));
    } else {
      error = opened.error();
    }
  }).join();
  if (!both && error.empty()) GTEST_SKIP() << "no seccomp filter here";
  ASSERT_TRUE(both) << error;
  EXPECT_EQ(both->address().family(), AF_INET);
  EXPECT_TRUE(both->address().ip().is_unspecified());
  EXPECT_TRUE(answers("127.0.0.1", *both));
}

}  // namespace
}  // namespace weir::net
