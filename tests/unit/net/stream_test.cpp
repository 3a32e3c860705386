#include "weir/net/stream.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "net/loop_run.hpp"
#include "net/sockets.hpp"

namespace weir::net {
namespace {

using namespace std::chrono_literals;

iovec piece(std::string& text) { return {text.data(), text.size()}; }

std::string text_of(const std::array<std::byte, 64>& bytes, const IoResult& result) {
  return {reinterpret_cast<const char*>(bytes.data()), result.bytes};
}

TEST(Stream, ReadsWhatComesAndThenTheEnd) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    auto [near, far] = socket_pair();
    Stream stream(loop, near.release());
    std::array<std::byte, 64> bytes;
    EXPECT_EQ(stream.try_read(bytes).status, Io::would_block);
    EXPECT_TRUE(far.send("hello"));
    EXPECT_EQ(co_await stream.wait_readable(loop.now() + 5s), Io::ok);
    EXPECT_EQ(text_of(bytes, stream.try_read(bytes)), "hello");
    EXPECT_EQ(stream.try_read(bytes).status, Io::would_block);
    far.close();
    EXPECT_EQ(co_await stream.wait_readable(loop.now() + 5s), Io::ok);
    EXPECT_EQ(stream.try_read(bytes).status, Io::eof);
    EXPECT_TRUE(stream.peer_closed());
  });
}

TEST(Stream, BytesAndFinOfOneEdgeAreBothSeen) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    Origin origin;
    std::unique_ptr<Stream> stream;
    EXPECT_TRUE(co_await Stream::connect(loop, origin.address(), loop.now() + 5s, stream));
    Socket far = origin.accept();
    EXPECT_TRUE(far.send("last"));
    far.close();
    EXPECT_TRUE(co_await until(loop, [&] { return stream->peer_closed(); }));
    std::array<std::byte, 64> bytes;
    EXPECT_EQ(text_of(bytes, stream->try_read(bytes)), "last");
    EXPECT_EQ(co_await stream->wait_readable(loop.now() + 5s), Io::ok);
    EXPECT_EQ(stream->try_read(bytes).status, Io::eof);
  });
}

TEST(Stream, AReadThatFillsItsBufferGoesOn) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    auto [near, far] = socket_pair();
    Stream stream(loop, near.release());
    EXPECT_TRUE(far.send("abcdef"));
    EXPECT_EQ(co_await stream.wait_readable(loop.now() + 5s), Io::ok);
    std::array<std::byte, 3> small;
    EXPECT_EQ(stream.try_read(small).bytes, 3u);
    EXPECT_EQ(co_await stream.wait_readable(loop.now() + 5s), Io::ok);
    EXPECT_EQ(stream.try_read(small).bytes, 3u);
    EXPECT_EQ(stream.try_read(small).status, Io::would_block);
  });
}

TEST(Stream, WaitsEndAtTheirDeadline) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    auto [near, far] = socket_pair();
    Stream stream(loop, near.release());
    EXPECT_EQ(co_await stream.wait_readable(loop.now() + 10ms), Io::timeout);
    // And the stream is as good as before.
    EXPECT_TRUE(far.send("x"));
    EXPECT_EQ(co_await stream.wait_readable(loop.now() + 5s), Io::ok);
  });
}

TEST(Stream, WritesAllAsTheReaderTakesIt) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    auto [near, far] = socket_pair();
    Stream writer(loop, near.release());
    Stream reader(loop, far.release());
    TaskGroup group(loop);
    std::string head(100'000, 'a');
    std::string body(3'000'000, 'b');
    std::size_t a = 0;
    std::size_t b = 0;
    const auto read = [&]() -> Task<> {
      std::vector<std::byte> bytes(64 * 1024);
      while (a + b < head.size() + body.size()) {
        const IoResult got = reader.try_read(bytes);
        if (got.status == Io::would_block) {
          if (co_await reader.wait_readable(loop.now() + 5s) != Io::ok) break;
        } else if (got.status != Io::ok) {
          break;
        }
        for (std::size_t i = 0; i < got.bytes; ++i) ++(bytes[i] == std::byte{'a'} ? a : b);
      }
    };
    group.spawn(read());
    std::array<iovec, 3> pieces{piece(head), iovec{nullptr, 0}, piece(body)};
    EXPECT_EQ(co_await writer.write_all(pieces, 5s), Io::ok);
    EXPECT_TRUE(co_await group.join(loop.now() + 5s));
    EXPECT_EQ(a, head.size());
    EXPECT_EQ(b, body.size());
  });
}

TEST(Stream, AReaderThatStallsEndsTheWrite) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    auto [near, far] = socket_pair();
    Stream writer(loop, near.release());
    std::string much(8'000'000, 'x');
    std::array<iovec, 1> pieces{piece(much)};
    EXPECT_EQ(co_await writer.write_all(pieces, 20ms), Io::timeout);
  });
}

TEST(Stream, WritingToOneWhoLeftIsAnError) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    auto [near, far] = socket_pair();
    Stream writer(loop, near.release());
    far.close();
    EXPECT_TRUE(co_await until(loop, [&] { return writer.broken(); }));
    std::string text = "x";
    std::array<iovec, 1> pieces{piece(text)};
    EXPECT_EQ(co_await writer.write_all(pieces, 5s), Io::error);
  });
}

TEST(Stream, CancelAndCloseEndTheWait) {
  for (const bool close : {false, true}) {
    Loop loop;
    run_on(loop, [&]() -> Task<> {
      auto [near, far] = socket_pair();
      Stream stream(loop, near.release());
      TaskGroup group(loop);
      const auto ender = [&]() -> Task<> {
        co_await pass(loop, 5ms);
        close ? stream.close() : stream.cancel();
      };
      group.spawn(ender());
      EXPECT_EQ(co_await stream.wait_readable(no_deadline), Io::cancelled);
      EXPECT_EQ(co_await stream.wait_readable(no_deadline), Io::cancelled);
      EXPECT_EQ(stream.is_open(), !close);
      EXPECT_TRUE(co_await group.join());
    });
  }
}

TEST(Stream, AfterAResetTheFarSideSeesOne) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    Origin origin;
    std::unique_ptr<Stream> stream;
    EXPECT_TRUE(co_await Stream::connect(loop, origin.address(), loop.now() + 5s, stream));
    Socket far = origin.accept();
    stream->reset();
    char byte = 0;
    pollfd at{far.fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&at, 1, 5000), 1);
    EXPECT_EQ(::recv(far.fd(), &byte, 1, 0), -1);
    EXPECT_EQ(errno, ECONNRESET);
  });
}

TEST(Stream, TheObserverHearsWhatNobodyReads) {
  class Heard final : public StreamObserver {
   public:
    int times = 0;
    bool left = false;
    void on_unread_edge(std::uint8_t ready) noexcept override {
      ++times;
      left = (ready & Ready::peer_closed) != 0;
    }
  };
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    auto [near, far] = socket_pair();
    Stream stream(loop, near.release());
    Heard heard;
    stream.set_observer(&heard);
    EXPECT_TRUE(far.send("x"));
    EXPECT_TRUE(co_await until(loop, [&] { return heard.times == 1; }));
    EXPECT_FALSE(heard.left);
    far.close();
    EXPECT_TRUE(co_await until(loop, [&] { return heard.left; }));
  });
}

TEST(Stream, ConnectToNobodyFails) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    Origin origin;
    const SocketAddress address = origin.address();
    origin.close();
    std::unique_ptr<Stream> stream;
    const Result<> connected = co_await Stream::connect(loop, address, loop.now() + 5s, stream);
    EXPECT_FALSE(connected);
    if (!connected) {
      EXPECT_EQ(connected.error().reason, Reason::connect_failed);
    }
  });
}

}  // namespace
}  // namespace weir::net
