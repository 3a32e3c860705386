// What the tests of this folder share: one end of a connection as the codec sees it, the other as
// the peer has it, and a body that comes in pieces of the test's own.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "net/loop_run.hpp"
#include "net/sockets.hpp"
#include "weir/http/body.hpp"
#include "weir/net/stream.hpp"

namespace weir::codec::h1 {

using namespace std::chrono_literals;
using net::Loop;
using net::run_on;
using net::until;

// The peer: bytes as text, without blocking the loop that both ends live on.
class Peer {
 public:
  Peer(Loop& loop, net::Socket socket) : stream_(loop, socket.release()) {}

  Task<> say(std::string text) {
    iovec piece{text.data(), text.size()};
    EXPECT_EQ(co_await stream_.write_all({&piece, 1}, 5s), net::Io::ok);
  }
  // False when the other side does not take it.
  Task<bool> try_say(std::string text) {
    iovec piece{text.data(), text.size()};
    const net::Io said = co_await stream_.write_all({&piece, 1}, 5s);
    co_return said == net::Io::ok;
  }
  // All that has come once there are `size` bytes, or at the end, or after five seconds.
  Task<std::string> hear(std::size_t size) {
    while (heard_.size() < size) {
      const bool came = co_await more();
      if (!came) break;
    }
    co_return std::exchange(heard_, {});
  }
  // All that comes up to and with `end`.
  Task<std::string> hear_to(std::string_view end) {
    while (heard_.find(end) == std::string::npos) {
      const bool came = co_await more();
      if (!came) break;
    }
    const std::size_t at = heard_.find(end);
    std::string out = heard_.substr(0, at == std::string::npos ? at : at + end.size());
    heard_.erase(0, out.size());
    co_return out;
  }
  // All that comes until the other side ends; its FIN or reset is then in ended_by().
  Task<std::string> hear_all() {
    for (bool came = true; came;) came = co_await more();
    co_return std::exchange(heard_, {});
  }
  net::Io ended_by() const { return ended_by_; }
  void finish() { stream_.shutdown_write(); }
  void leave() { stream_.close(); }
  void reset() { stream_.reset(); }

 private:
  Task<bool> more() {
    std::byte bytes[4096];
    while (ended_by_ == net::Io::ok) {
      const net::IoResult got = stream_.try_read(bytes);
      if (got.status == net::Io::ok) {
        heard_ += as_text({bytes, got.bytes});
        co_return true;
      }
      ended_by_ = got.status;
      if (got.status == net::Io::would_block) {
        ended_by_ = co_await stream_.wait_readable(stream_.loop().now() + 5s);
      }
    }
    co_return false;
  }

  net::Stream stream_;
  std::string heard_;
  net::Io ended_by_ = net::Io::ok;
};

// Two ends of a TCP connection on the loopback.
class Wire {
 public:
  static Task<Wire> connect(Loop& loop) {
    net::Origin origin;
    Wire wire;
    EXPECT_TRUE(co_await net::Stream::connect(loop, origin.address(), loop.now() + 5s, wire.near));
    net::Socket far = origin.accept();
    ::fcntl(far.fd(), F_SETFL, O_NONBLOCK);
    wire.peer = std::make_unique<Peer>(loop, std::move(far));
    co_return wire;
  }
  Wire(Wire&&) noexcept = default;

  std::unique_ptr<net::Stream> near;
  std::unique_ptr<Peer> peer;

 private:
  Wire() = default;
};

// Content that comes in pieces: those up to `ready` are there at once, the others have to be
// waited for.
class Pieces final : public BodyStream {
 public:
  explicit Pieces(std::deque<std::string> pieces, std::size_t ready = 0)
      : pieces_(std::move(pieces)), ready_(ready) {}

  Task<Result<Bytes>> read() override {
    if (aborted != Reason::none) co_return fail(aborted, Side::internal);
    if (pieces_.empty() && fails_with != Reason::none) co_return fail(fails_with, Side::upstream);
    co_return take();
  }
  Bytes read_ready() noexcept override { return ready_ == 0 ? Bytes{} : (--ready_, take()); }
  bool complete() const noexcept override {
    return pieces_.empty() && fails_with == Reason::none && aborted == Reason::none;
  }
  const HeaderMap& trailers() const noexcept override { return trailer_fields; }
  std::optional<std::uint64_t> length() const noexcept override { return said_length; }
  void abort(Reason reason) noexcept override { aborted = reason; }

  std::optional<std::uint64_t> said_length;
  HeaderMap trailer_fields;
  Reason fails_with = Reason::none;  // after the last piece
  Reason aborted = Reason::none;

 private:
  Bytes take() {
    if (pieces_.empty()) return {};
    current_ = std::move(pieces_.front());
    pieces_.pop_front();
    return as_bytes(current_);
  }

  std::deque<std::string> pieces_;
  std::size_t ready_;
  std::string current_;
};

}  // namespace weir::codec::h1
