// What a Stream relies on, of a socket as of the memory that stands in for one in other tests.
#include "weir/net/transport.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "net/loop_run.hpp"
#include "net/memory_transport.hpp"
#include "net/sockets.hpp"
#include "weir/net/stream.hpp"

namespace weir::net {
namespace {

using namespace std::chrono_literals;

// Counts the edges of one kind.
class Edges final : public ReadyTarget {
 public:
  void on_ready(std::uint8_t ready) noexcept override {
    ++count;
    last = ready;
  }
  int count = 0;
  std::uint8_t last = 0;
};

// One connection, whichever it is made of.
class Pair {
 public:
  Pair(Loop& loop, bool memory) {
    if (memory) {
      far_ = std::make_shared<FarEnd>(loop.reactor());
      near = far_->near();
      return;
    }
    auto [one, other] = socket_pair();
    socket_ = std::move(other);
    near = loop.reactor().make_transport(Descriptor(one.release()));
  }
  void say(std::string_view text) {
    if (far_) return far_->say(text);
    socket_.send(text);
  }
  void finish() {
    if (far_) return far_->finish();
    ::shutdown(socket_.fd(), SHUT_WR);
  }
  std::string heard() { return far_ ? far_->take_heard() : socket_.receive(); }

  std::unique_ptr<Transport> near;

 private:
  std::shared_ptr<FarEnd> far_;
  Socket socket_;
};

class TransportTest : public testing::TestWithParam<bool> {
 protected:
  std::string received(Transport& near, std::size_t most) {
    std::array<std::byte, 64> bytes;
    const ssize_t got = near.receive(std::span(bytes).first(most));
    if (got < 0) return got == -EAGAIN ? "EAGAIN" : "an error";
    return {reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(got)};
  }
  Loop loop_;
};

TEST_P(TransportTest, ReceivesWhatCameAndThenTheEnd) {
  run_on(loop_, [&]() -> Task<> {
    Pair pair(loop_, GetParam());
    Edges edges;
    EXPECT_TRUE(pair.near->open(edges));
    const bool told = co_await until(loop_, [&] { return edges.count == 1; });
    EXPECT_TRUE(told) << "that it can be written to";
    EXPECT_EQ(edges.last & (Ready::read | Ready::write), Ready::write);
    EXPECT_EQ(received(*pair.near, 64), "EAGAIN");
    pair.say("hello");
    const bool came = co_await until(loop_, [&] { return edges.count == 2; });
    EXPECT_TRUE(came);
    EXPECT_EQ(edges.last & (Ready::read | Ready::peer_closed), Ready::read);
    std::array<std::byte, 64> bytes;
    EXPECT_EQ(pair.near->peek(bytes), 5);
    EXPECT_EQ(received(*pair.near, 2), "he");
    EXPECT_EQ(received(*pair.near, 64), "llo");
    EXPECT_EQ(received(*pair.near, 64), "EAGAIN");
    pair.finish();
    const bool ended = co_await until(loop_, [&] { return edges.count == 3; });
    EXPECT_TRUE(ended);
    EXPECT_EQ(edges.last & Ready::peer_closed, Ready::peer_closed);
    EXPECT_EQ(received(*pair.near, 64), "");
    pair.near->close(false);
  });
}

TEST_P(TransportTest, SendsPiecesInOrder) {
  run_on(loop_, [&]() -> Task<> {
    Pair pair(loop_, GetParam());
    Edges edges;
    EXPECT_TRUE(pair.near->open(edges));
    std::string one = "one ";
    std::string two = "two";
    const std::array<iovec, 2> pieces{{{one.data(), one.size()}, {two.data(), two.size()}}};
    EXPECT_EQ(pair.near->send(pieces), 7);
    EXPECT_EQ(pair.heard(), "one two");
    pair.near->shutdown_write();
    EXPECT_EQ(pair.near->send(pieces), -EPIPE);
    co_return;
  });
}

TEST_P(TransportTest, NoEdgeComesBehindItsClose) {
  run_on(loop_, [&]() -> Task<> {
    Pair pair(loop_, GetParam());
    Edges edges;
    EXPECT_TRUE(pair.near->open(edges));
    pair.say("hello");
    pair.near->close(true);
    co_await pass(loop_, 2ms);
    EXPECT_EQ(edges.count, 0);
  });
}

INSTANTIATE_TEST_SUITE_P(Both, TransportTest, testing::Bool(),
                         [](const auto& of) { return of.param ? "memory" : "socket"; });

// What a stream over memory hears of the faults of its plan, with a far end that says "hello" and
// ends.
struct FaultRow {
  const char* name;
  Faults faults;
  std::string heard;
  Io end;
};

class StreamFaults : public testing::TestWithParam<FaultRow> {};

TEST_P(StreamFaults, AreSeen) {
  const FaultRow& row = GetParam();
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    const auto far = std::make_shared<FarEnd>(loop.reactor(), row.faults);
    Stream stream(loop, far->near());
    far->say("hello");
    far->finish();
    std::string heard;
    Io end = Io::ok;
    while (end == Io::ok) {
      std::array<std::byte, 64> bytes;
      const IoResult got = stream.try_read(bytes);
      heard.append(reinterpret_cast<const char*>(bytes.data()), got.bytes);
      end = got.status;
      if (end == Io::would_block) end = co_await stream.wait_readable(loop.now() + 5s);
    }
    EXPECT_EQ(heard, row.heard);
    EXPECT_EQ(end, row.end);
  });
}

INSTANTIATE_TEST_SUITE_P(
    All, StreamFaults,
    testing::Values(FaultRow{"none", {}, "hello", Io::eof},
                    FaultRow{"short_reads", {.most_received = 1}, "hello", Io::eof},
                    FaultRow{"EAGAIN_first", {.again_at = 1}, "hello", Io::eof},
                    FaultRow{
                        "EAGAIN_second", {.most_received = 1, .again_at = 2}, "hello", Io::eof},
                    FaultRow{"ends_at_once", {.end_after = 0}, "", Io::eof},
                    FaultRow{"ends_early", {.end_after = 3}, "hel", Io::eof},
                    FaultRow{"resets_at_once", {.reset_after = 0}, "", Io::error},
                    FaultRow{"resets_early", {.reset_after = 3}, "hel", Io::error}),
    [](const auto& of) { return of.param.name; });

TEST(StreamStall, AWriteGoesOnWhenTheFarEndTakesBytesAgain) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    const auto far = std::make_shared<FarEnd>(loop.reactor(), Faults{.most_sent = 2});
    Stream stream(loop, far->near());
    far->stall();
    TaskGroup group(loop);
    std::string text = "hello";
    Io written = Io::timeout;
    const auto write = [&]() -> Task<> {
      iovec piece{text.data(), text.size()};
      written = co_await stream.write_all({&piece, 1}, 5s);
    };
    group.spawn(write());
    co_await pass(loop, 2ms);
    EXPECT_EQ(far->heard(), "");
    far->flow();
    co_await group.join();
    EXPECT_EQ(written, Io::ok);
    EXPECT_EQ(far->heard(), "hello");
  });
}

}  // namespace
}  // namespace weir::net
