#include <array>
#include <string>
#include <vector>

#include "net/tls/tls_case.hpp"
#include "weir/net/tls_session.hpp"

namespace weir::net {
namespace {

using namespace std::chrono_literals;

iovec tls_piece(std::string& text) { return {text.data(), text.size()}; }

// Reads until `size` bytes came or the stream ended.
Task<std::string> read_some(Loop& loop, Stream& stream, std::size_t size, Io* end = nullptr) {
  std::string out;
  std::vector<std::byte> block(10'000);
  while (out.size() < size) {
    const IoResult got = stream.try_read(block);
    out.append(reinterpret_cast<const char*>(block.data()), got.bytes);
    Io status = got.status;
    if (status == Io::would_block) status = co_await stream.wait_readable(loop.now() + 10s);
    if (end != nullptr) *end = status;
    if (status != Io::ok) break;
  }
  co_return out;
}

TEST(StreamTls, CarriesBytesBothWaysAndTellsFacts) {
  Loop loop;
  TlsPair tls;
  run_on(loop, [&]() -> Task<> {
    auto [a, b] = socket_pair();
    Stream near(loop, a.release());
    Stream far(loop, b.release());
    const auto done = co_await tls.handshake(loop, near, far);
    EXPECT_EQ(done.first, Io::ok);
    EXPECT_EQ(done.second, Io::ok) << far.tls()->failure();
    EXPECT_EQ(near.alpn(), "http/1.1");
    const auto facts = TlsServer::facts(*near.tls());
    EXPECT_EQ(facts->version, "TLSv1.3");
    EXPECT_EQ(facts->sni, "one.example");
    EXPECT_FALSE(facts->serves);
    std::string head = "head ";
    std::string body = "body";
    std::array<iovec, 3> pieces{tls_piece(head), iovec{nullptr, 0}, tls_piece(body)};
    EXPECT_EQ(co_await far.write_all(pieces, 5s), Io::ok);
    const std::string got = co_await read_some(loop, near, 9);
    EXPECT_EQ(got, "head body");
    std::string back = "back";
    std::array<iovec, 1> one{tls_piece(back)};
    EXPECT_EQ(co_await near.write_all(one, 5s), Io::ok);
    const std::string answered = co_await read_some(loop, far, 4);
    EXPECT_EQ(answered, "back");
  });
}

TEST(StreamTls, MuchGoesThroughASmallSocket) {
  Loop loop;
  TlsPair tls;
  run_on(loop, [&]() -> Task<> {
    auto [a, b] = socket_pair();
    const int small = 4096;
    ::setsockopt(a.fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    Stream near(loop, a.release());
    Stream far(loop, b.release());
    const auto done = co_await tls.handshake(loop, near, far);
    EXPECT_EQ(done.second, Io::ok);
    std::string first(100, 'a');
    std::string second(1'000'003, 'b');
    std::string third(20'000, 'c');
    TaskGroup group(loop);
    const auto write = [&]() -> Task<> {
      std::array<iovec, 3> pieces{tls_piece(first), tls_piece(second), tls_piece(third)};
      const Io written = co_await near.write_all(pieces, 10s);
      EXPECT_EQ(written, Io::ok);
      near.shutdown_write();
    };
    group.spawn(write());
    Io end = Io::ok;
    const std::string got = co_await read_some(loop, far, 10'000'000, &end);
    co_await group.join();
    EXPECT_TRUE(got == first + second + third) << got.size();
    EXPECT_EQ(end, Io::eof);
  });
}

TEST(StreamTls, WhatIsSealedButNotSentGoesWithTheNextEdge) {
  Loop loop;
  TlsPair tls;
  run_on(loop, [&]() -> Task<> {
    auto [a, b] = socket_pair();
    const int small = 4096;
    ::setsockopt(a.fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    Stream near(loop, a.release());
    Stream far(loop, b.release());
    co_await tls.handshake(loop, near, far);
    std::string body(60'000, 'x');
    const iovec whole = tls_piece(body);
    // All of it is taken, not all is sent: nobody calls again, and it arrives all the same.
    const IoResult result = near.try_write({&whole, 1});
    EXPECT_EQ(result.status, Io::would_block);
    const std::string got = co_await read_some(loop, far, result.bytes);
    EXPECT_EQ(got.size(), result.bytes);
  });
}

TEST(StreamTls, PendingPlaintextNeedsNoEdge) {
  Loop loop;
  TlsPair tls;
  run_on(loop, [&]() -> Task<> {
    auto [a, b] = socket_pair();
    Stream near(loop, a.release());
    Stream far(loop, b.release());
    co_await tls.handshake(loop, near, far);
    std::string text = "abcdef";
    std::array<iovec, 1> pieces{tls_piece(text)};
    EXPECT_EQ(co_await far.write_all(pieces, 5s), Io::ok);
    EXPECT_EQ(co_await near.wait_readable(loop.now() + 10s), Io::ok);
    std::array<std::byte, 2> two;
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(co_await near.wait_readable(loop.now() + 10s), Io::ok);
      EXPECT_EQ(near.try_read(two).bytes, 2u);
    }
    EXPECT_EQ(near.try_read(two).status, Io::would_block);
    EXPECT_FALSE(near.readable());
  });
}

TEST(StreamTls, AnEndWithoutCloseNotifyIsNoEnd) {
  Loop loop;
  TlsPair tls;
  run_on(loop, [&]() -> Task<> {
    for (const bool orderly : {true, false}) {
      auto [a, b] = socket_pair();
      Stream near(loop, a.release());
      const int far_socket = b.fd();
      Stream far(loop, b.release());
      co_await tls.handshake(loop, near, far);
      std::string text = "last words";
      std::array<iovec, 1> pieces{tls_piece(text)};
      EXPECT_EQ(co_await far.write_all(pieces, 5s), Io::ok);
      if (orderly) {
        far.close();
      } else {
        ::shutdown(far_socket, SHUT_RDWR);
      }
      Io end = Io::ok;
      const std::string got = co_await read_some(loop, near, 1000, &end);
      EXPECT_EQ(got, text);
      EXPECT_EQ(end, orderly ? Io::eof : Io::error);
      std::array<std::byte, 8> more;
      EXPECT_EQ(near.try_read(more).status, end);  // and it stays so
    }
  });
}

TEST(StreamTls, ACertificateForAnotherNameIsNone) {
  Loop loop;
  TlsPair tls;
  run_on(loop, [&]() -> Task<> {
    for (const auto& [host, right] :
         std::vector<std::pair<std::string, bool>>{{"one.example", true},
                                                   {"x.one.example", true},
                                                   {"other.example", false},
                                                   {"x.y.one.example", false},
                                                   {"127.0.0.1", false}}) {
      auto [a, b] = socket_pair();
      Stream near(loop, a.release());
      Stream far(loop, b.release());
      const auto done = co_await tls.handshake(loop, near, far, host);
      EXPECT_EQ(done.second == Io::ok, right) << host;
      EXPECT_EQ(far.tls()->certificate_failed(), !right) << far.tls()->failure();
    }
  });
}

TEST(StreamTls, WhoIsNoTlsPeerEndsTheHandshake) {
  Loop loop;
  TlsPair tls;
  run_on(loop, [&]() -> Task<> {
    auto [a, b] = socket_pair();
    Stream near(loop, a.release());
    near.start_tls(tls.server->accept(loop.buffers()));
    EXPECT_TRUE(b.send("GET / HTTP/1.1\r\n\r\n"));
    EXPECT_EQ(co_await near.handshake(loop.now() + 10s), Io::error);
    EXPECT_FALSE(near.tls()->failure().empty());
    auto [c, d] = socket_pair();
    Stream silent(loop, c.release());
    silent.start_tls(tls.server->accept(loop.buffers()));
    EXPECT_EQ(co_await silent.handshake(loop.now() + 10ms), Io::timeout);
  });
}

TEST(StreamTls, ATicketResumes) {
  Loop loop;
  TlsPair tls;
  run_on(loop, [&]() -> Task<> {
    for (const bool resumed : {false, true}) {
      auto [a, b] = socket_pair();
      Stream near(loop, a.release());
      Stream far(loop, b.release());
      co_await tls.handshake(loop, near, far);
      EXPECT_EQ(near.tls()->resumed(), resumed);
      std::string text = "x";
      std::array<iovec, 1> pieces{tls_piece(text)};
      EXPECT_EQ(co_await near.write_all(pieces, 5s), Io::ok);
      co_await read_some(loop, far, 1);
    }
  });
}

}  // namespace
}  // namespace weir::net
