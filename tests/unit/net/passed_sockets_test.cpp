#include "weir/net/passed_sockets.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace weir::net {
namespace {

constexpr int first = 200;  // above all that a test has open

// Descriptors from `first` on as a service manager would pass them. What is adopted is theirs.
class PassedSocketsTest : public testing::Test {
 protected:
  ~PassedSocketsTest() override {
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
  }

  // Listens on 127.0.0.1, any port or `port`; the address.
  SocketAddress pass(std::uint16_t port = 0, bool shared = false) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    const int on = 1;
    if (shared) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    sockaddr_storage storage{};
    socklen_t length =
        SocketAddress(IpAddress::parse("127.0.0.1").value(), port).to_sockaddr(storage);
    EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&storage), length), 0);
    EXPECT_EQ(::listen(fd, 8), 0);
    length = sizeof storage;
    EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length), 0);
    put(fd);
    return SocketAddress::from(reinterpret_cast<sockaddr*>(&storage), length);
  }
  void put(int fd) {
    EXPECT_EQ(::dup2(fd, first + count_), first + count_);
    ++count_;
    ::close(fd);
  }

  PassedSockets adopt(std::string_view names) {
    auto sockets = PassedSockets::adopt(first, static_cast<unsigned>(count_), names);
    EXPECT_TRUE(sockets) << (sockets ? "" : sockets.error());
    return sockets ? std::move(*sockets) : PassedSockets{};
  }

  const SocketAddress elsewhere_{IpAddress::parse("192.0.2.1").value(), 80};
  int count_ = 0;
};

TEST_F(PassedSocketsTest, AreFoundByNameThenByAddress) {
  const SocketAddress a = pass();
  const SocketAddress b = pass();
  PassedSockets sockets = adopt("http:other");
  const auto by_name = sockets.take_named("http", 2, 1);
  ASSERT_TRUE(by_name);
  ASSERT_EQ(by_name->size(), 1u);
  EXPECT_EQ(by_name->front().address(), a);
  EXPECT_TRUE(by_name->front().is_passed());
  const auto unknown = sockets.take_named("https", 2, 1);
  ASSERT_TRUE(unknown);
  EXPECT_TRUE(unknown->empty());
  const auto by_address = sockets.take_at(b, 2);
  ASSERT_TRUE(by_address && *by_address);
  EXPECT_EQ((*by_address)->address(), b);
  const auto none = sockets.take_at(b, 2);
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
}

TEST_F(PassedSocketsTest, WhatIsLeftIsNamedAndClosed) {
  const SocketAddress a = pass();
  {
    const PassedSockets sockets = adopt("");
    EXPECT_EQ(sockets.left(), std::vector<std::string>{"unnamed (" + a.to_string() + ")"});
  }
  EXPECT_EQ(::fcntl(first, F_GETFD), -1);
}

TEST_F(PassedSocketsTest, AreNotInheritedAndDoNotBlock) {
  pass();
  const PassedSockets sockets = adopt("http");
  EXPECT_EQ(::fcntl(first, F_GETFD), FD_CLOEXEC);
  EXPECT_NE(::fcntl(first, F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(PassedSocketsTest, SeveralOfOneAddressServeSeveralWorkers) {
  const SocketAddress a = pass(0, true);
  pass(a.port(), true);
  PassedSockets sockets = adopt("http:http");
  const auto too_many = sockets.take_named("http", 1, 1);
  EXPECT_FALSE(too_many);
  const auto both = sockets.take_at(a, 2);
  ASSERT_TRUE(both && *both);
  EXPECT_EQ((*both)->size(), 2u);
}

TEST_F(PassedSocketsTest, AListenerHasNoMoreAddressesThanItMay) {
  const SocketAddress a = pass(0, true);
  const SocketAddress b = pass();
  pass(a.port(), true);
  PassedSockets sockets = adopt("http:http:http");
  EXPECT_FALSE(sockets.take_named("http", 2, 1));
  const auto taken = sockets.take_named("http", 2, 2);
  ASSERT_TRUE(taken);
  ASSERT_EQ(taken->size(), 2u);
  EXPECT_EQ(taken->front().address(), a);
  EXPECT_EQ(taken->front().size(), 2u);
  EXPECT_EQ(taken->back().address(), b);
}

TEST_F(PassedSocketsTest, OnlyListeningStreamsAreTaken) {
  put(::socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_FALSE(PassedSockets::adopt(first, 1, "http"));
  put(::socket(AF_INET, SOCK_DGRAM, 0));
  EXPECT_FALSE(PassedSockets::adopt(first + 1, 1, ""));
  EXPECT_FALSE(PassedSockets::adopt(900, 1, "not open"));
  ::close(first);
  ::close(first + 1);
}

TEST_F(PassedSocketsTest, ThoseHandedOverAreFoundByWhatWasAsked) {
  const SocketAddress http = pass(0, true);
  pass(http.port(), true);
  const SocketAddress other = pass();
  const SocketAddress manager = pass();
  const SocketAddress admin = pass();
  auto sockets = PassedSockets::adopt_handed(
      first, {{.count = 2, .name = "http", .asked = "127.0.0.1:0"},
              {.name = "other", .asked = other.to_string()},
              {.owner = HandedFor::manager, .name = "https", .asked = ""},
              {.owner = HandedFor::admin, .name = "", .asked = "127.0.0.1:0"}});
  ASSERT_TRUE(sockets) << sockets.error();
  EXPECT_TRUE(sockets->is_handed_over());
  EXPECT_EQ(::fcntl(first, F_GETFD), FD_CLOEXEC);

  // Port 0 is any port: the name says whose.
  EXPECT_FALSE(sockets->take_handed(HandedFor::gateway, "else", "127.0.0.1:0"));
  const auto two = sockets->take_handed(HandedFor::gateway, "http", "127.0.0.1:0");
  ASSERT_TRUE(two);
  EXPECT_EQ(two->size(), 2u);
  EXPECT_EQ(two->address(), http);
  EXPECT_EQ(two->asked(), "127.0.0.1:0");
  EXPECT_TRUE(two->is_handed());
  EXPECT_FALSE(two->is_passed());
  EXPECT_FALSE(sockets->take_handed(HandedFor::gateway, "http", "127.0.0.1:0"));

  // Another port is the same under any name.
  EXPECT_FALSE(sockets->take_handed(HandedFor::gateway, "other", http.to_string()));
  const auto renamed = sockets->take_handed(HandedFor::gateway, "new", other.to_string());
  ASSERT_TRUE(renamed);
  EXPECT_EQ(renamed->address(), other);

  // A manager's are as it had passed them itself.
  EXPECT_TRUE(sockets->has_named("https"));
  EXPECT_FALSE(sockets->has_named("http") || sockets->has_named(""));
  const auto passed = sockets->take_named("https", 1, 1);
  ASSERT_TRUE(passed && passed->size() == 1);
  EXPECT_EQ(passed->front().address(), manager);
  EXPECT_TRUE(passed->front().is_passed());

  EXPECT_EQ(sockets->left(), std::vector<std::string>{"unnamed (" + admin.to_string() + ")"});
  const auto own = sockets->take_handed(HandedFor::admin, "", "127.0.0.1:0");
  ASSERT_TRUE(own);
  EXPECT_EQ(own->address(), admin);
  EXPECT_TRUE(sockets->left().empty());
}

TEST_F(PassedSocketsTest, AnOwnSocketIsNoManagersUnderItsName) {
  const SocketAddress http = pass();
  auto sockets = PassedSockets::adopt_handed(first, {{.name = "http", .asked = http.to_string()}});
  ASSERT_TRUE(sockets) << sockets.error();
  const auto named = sockets->take_named("http", 1, 1);
  ASSERT_TRUE(named);
  EXPECT_TRUE(named->empty());
  const auto placed = sockets->take_at(http, 1);
  ASSERT_TRUE(placed);
  EXPECT_FALSE(*placed);
}

TEST_F(PassedSocketsTest, AKindThatIsNotKnownIsClosed) {
  put(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const SocketAddress http = pass();
  const auto sockets =
      PassedSockets::adopt_handed(first, {{.kind = "datagram", .name = "h3", .asked = "*:443"},
                                          {.name = "http", .asked = http.to_string()}});
  ASSERT_TRUE(sockets) << sockets.error();
  EXPECT_EQ(::fcntl(first, F_GETFD), -1);
  EXPECT_EQ(sockets->left(), std::vector<std::string>{"http (" + http.to_string() + ")"});
}

TEST_F(PassedSocketsTest, WhatDoesNotListenCannotBeHandedOver) {
  put(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto sockets =
      PassedSockets::adopt_handed(first, {{.name = "http", .asked = "127.0.0.1:80"}});
  ASSERT_FALSE(sockets);
  EXPECT_EQ(sockets.error(), "descriptor " + std::to_string(first) +
                                 " (http) was passed but is not a listening stream socket");
  ::close(first);
}

TEST_F(PassedSocketsTest, TheEnvironmentMayBeForAnotherProcess) {
  struct Row {
    const char* name;
    std::string process;
    const char* count;
    bool fine;
  };
  const std::string self = std::to_string(::getpid());
  const Row rows[] = {
      {"none passed", self, "0", true},
      {"the parent's", "1", "7", true},
      {"no process", "x", "1", false},
      {"no count", self, "one", false},
      {"a count out of all reason", self, "1000000", false},
      {"negative", self, "-1", false},
  };
  for (const Row& row : rows) {
    ::setenv("LISTEN_PID", row.process.c_str(), 1);
    ::setenv("LISTEN_FDS", row.count, 1);
    const auto sockets = PassedSockets::from_environment();
    EXPECT_EQ(sockets.has_value(), row.fine) << row.name;
    if (sockets) {
      EXPECT_TRUE(sockets->left().empty()) << row.name;
    }
  }
}

}  // namespace
}  // namespace weir::net
