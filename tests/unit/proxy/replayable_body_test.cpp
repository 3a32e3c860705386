#include "proxy/replayable_body.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "support/run_task.hpp"

namespace weir::proxy {
namespace {

// Content that is here in pieces; behind them it fails, or ends.
class Source final : public BodyStream {
 public:
  explicit Source(std::deque<std::string> pieces, std::optional<Reason> failure = {})
      : pieces_(std::move(pieces)), failure_(failure) {}

  Task<Result<Bytes>> read() override {
    if (pieces_.empty() && failure_) {
      co_return std::unexpected(Error{*failure_, Side::downstream, {}});
    }
    co_return read_ready();
  }
  Bytes read_ready() noexcept override {
    if (pieces_.empty()) return {};
    last_ = std::move(pieces_.front());
    pieces_.pop_front();
    return as_bytes(last_);
  }
  bool complete() const noexcept override { return pieces_.empty() && !failure_; }
  const HeaderMap& trailers() const noexcept override { return trailers_; }
  std::optional<std::uint64_t> length() const noexcept override { return {}; }
  void abort(Reason reason) noexcept override { aborted = reason; }

  std::optional<Reason> aborted;

 private:
  std::deque<std::string> pieces_;
  std::optional<Reason> failure_;
  std::string last_;
  HeaderMap trailers_;
};

// The whole content, with its pieces apart, or the reason why it failed.
Task<std::string> rest_of(BodyStream& body) {
  std::string out;
  while (true) {
    const Result<Bytes> piece = co_await body.read();
    if (!piece) co_return out + "!" + std::string(name(piece.error().reason));
    if (piece->empty()) break;
    out += "[" + std::string(as_text(*piece)) + "]";
  }
  co_return out;
}
std::string read_all(BodyStream& body) {
  return test::run_task([&](net::Loop&) { return rest_of(body); });
}

TEST(ReplayableBody, ComesASecondTime) {
  Source source({"one ", "two ", "three"});
  ReplayableBody body(source);
  EXPECT_EQ(as_text(body.read_ready()), "one ");
  EXPECT_EQ(read_all(body), "[two ][three]");
  EXPECT_TRUE(body.complete());
  ASSERT_TRUE(body.can_rewind());
  body.rewind();
  EXPECT_FALSE(body.complete());
  EXPECT_EQ(read_all(body), "[one two three]");
  EXPECT_TRUE(body.complete());
  EXPECT_FALSE(body.can_rewind()) << "once";
}

TEST(ReplayableBody, GoesOnBehindWhatWasRead) {
  Source source({"one ", "two ", "three"});
  ReplayableBody body(source);
  EXPECT_EQ(as_text(body.read_ready()), "one ");
  ASSERT_TRUE(body.can_rewind());
  body.rewind();
  EXPECT_EQ(as_text(body.read_ready()), "one ");
  EXPECT_FALSE(body.complete());
  EXPECT_EQ(read_all(body), "[two ][three]");
}

TEST(ReplayableBody, UnreadItIsTheSource) {
  Source source({"all"});
  ReplayableBody body(source);
  body.rewind();
  EXPECT_EQ(read_all(body), "[all]");
  Source none({});
  ReplayableBody empty(none);
  EXPECT_EQ(read_all(empty), "");
  ASSERT_TRUE(empty.can_rewind());
  empty.rewind();
  EXPECT_TRUE(empty.complete());
}

TEST(ReplayableBody, KeepsSixtyFourKibibytes) {
  const std::string much(ReplayableBody::most, 'x');
  Source fits({much});
  ReplayableBody kept(fits);
  EXPECT_EQ(kept.read_ready().size(), much.size());
  ASSERT_TRUE(kept.can_rewind());
  kept.rewind();
  EXPECT_EQ(kept.read_ready().size(), much.size());

  Source more({much, "y", "z"});
  ReplayableBody lost(more);
  EXPECT_EQ(lost.read_ready().size(), much.size());
  EXPECT_TRUE(lost.can_rewind());
  EXPECT_EQ(read_all(lost), "[y][z]") << "the first fetch has all of it";
  EXPECT_FALSE(lost.can_rewind());
}

TEST(ReplayableBody, ContentThatFailedIsGone) {
  Source source({"one"}, Reason::client_timeout);
  ReplayableBody body(source);
  EXPECT_EQ(read_all(body), "[one]!client_timeout");
  EXPECT_FALSE(body.can_rewind());
}

// Content that does not come.
class Silence final : public BodyStream {
 public:
  explicit Silence(net::Loop& loop) : waiter_(loop) {}
  Task<Result<Bytes>> read() override {
    co_await waiter_.wait(no_deadline);
    co_return std::unexpected(Error{*aborted, Side::downstream, {}});
  }
  bool complete() const noexcept override { return false; }
  const HeaderMap& trailers() const noexcept override { return trailers_; }
  std::optional<std::uint64_t> length() const noexcept override { return {}; }
  void abort(Reason reason) noexcept override {
    aborted = reason;
    waiter_.notify();
  }

  std::optional<Reason> aborted;

 private:
  net::Waiter waiter_;
  HeaderMap trailers_;
};

TEST(ReplayableBody, WhatIsWaitedForIsGone) {
  const bool told = test::run_task([](net::Loop& loop) -> Task<bool> {
    Silence source(loop);
    ReplayableBody body(source);
    net::TaskGroup readers(loop);
    std::string read;
    readers.spawn([](BodyStream& from, std::string& into) -> Task<> {
      into = co_await rest_of(from);
    }(body, read));
    EXPECT_FALSE(body.can_rewind());
    body.abort(Reason::upstream_reset);
    co_await readers.join();
    EXPECT_EQ(read, "!upstream_reset");
    EXPECT_FALSE(body.can_rewind());
    co_return source.aborted.has_value();
  });
  EXPECT_TRUE(told);
}

TEST(ReplayableBody, AnAbortWaitsUntilItIsDecided) {
  Source source({"one ", "two"});
  ReplayableBody body(source);
  EXPECT_EQ(as_text(body.read_ready()), "one ");
  body.abort(Reason::upstream_reset);
  EXPECT_FALSE(source.aborted);
  EXPECT_TRUE(body.read_ready().empty());
  EXPECT_EQ(read_all(body), "!upstream_reset");
  ASSERT_TRUE(body.can_rewind());
  body.rewind();
  EXPECT_EQ(read_all(body), "[one ][two]");
  EXPECT_FALSE(source.aborted);
  body.abort(Reason::upstream_reset);
  EXPECT_EQ(source.aborted, Reason::upstream_reset) << "nobody comes behind the second one";
}

TEST(ReplayableBody, WhatItsReaderKeepsIsNotKeptTwice) {
  Source source({"one ", "two ", "three"});
  ReplayableBody body(source);
  body.leave_to_reader();
  EXPECT_EQ(as_text(body.read_ready()), "one ");
  EXPECT_FALSE(body.can_rewind()) << "not given back";
  body.give_back("one ");
  ASSERT_TRUE(body.can_rewind());
  body.rewind();
  EXPECT_EQ(read_all(body), "[one ][two ][three]");

  Source other({"one", "two"});
  ReplayableBody lost(other);
  lost.leave_to_reader();
  EXPECT_EQ(as_text(lost.read_ready()), "one");
  lost.abort(Reason::upstream_reset);
  EXPECT_FALSE(other.aborted);
  lost.give_back(std::nullopt);
  EXPECT_FALSE(lost.can_rewind());
  EXPECT_EQ(other.aborted, Reason::upstream_reset);

  Source long_one({std::string(ReplayableBody::most + 1, 'x')});
  ReplayableBody too_long(long_one);
  too_long.leave_to_reader();
  too_long.give_back(std::string(too_long.read_ready().size(), 'x'));
  EXPECT_FALSE(too_long.can_rewind());

  Source late({"one"});
  ReplayableBody gone(late);
  gone.leave_to_reader();
  EXPECT_EQ(as_text(gone.read_ready()), "one");
  gone.let_go();
  gone.give_back("one");
  EXPECT_FALSE(gone.can_rewind()) << "nobody wants it any more";
}

TEST(ReplayableBody, AnAbortIsToldWhenNobodyWantsIt) {
  Source source({"one ", "two"});
  ReplayableBody body(source);
  body.abort(Reason::upstream_reset);
  EXPECT_FALSE(source.aborted);
  body.let_go();
  EXPECT_EQ(source.aborted, Reason::upstream_reset);
  EXPECT_FALSE(body.can_rewind());
}

}  // namespace
}  // namespace weir::proxy
