#include "proxy/fetch/replayed_content.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <string>

#include "net/loop_run.hpp"

namespace weir::proxy {
namespace {

using namespace std::chrono_literals;

// Content that the test hands over.
class Arriving final : public BodyStream {
 public:
  explicit Arriving(net::Loop& loop) : came_(loop) {}

  void arrive(std::string piece) {
    pieces_.push_back(std::move(piece));
    came_.notify();
  }
  void end() {
    ended_ = true;
    came_.notify();
  }

  Task<Result<Bytes>> read() override {
    EXPECT_FALSE(std::exchange(reading_, true)) << "one reader at a time";
    while (pieces_.empty() && !ended_ && aborted_ == Reason::none) {
      co_await came_.wait(no_deadline);
      static_cast<void>(came_.result());
    }
    reading_ = false;
    if (aborted_ != Reason::none) co_return fail(aborted_, Side::downstream);
    co_return read_ready();
  }
  Bytes read_ready() noexcept override {
    EXPECT_FALSE(reading_);
    if (pieces_.empty()) return {};
    current_ = std::move(pieces_.front());
    pieces_.pop_front();
    return as_bytes(current_);
  }
  bool complete() const noexcept override { return ended_ && pieces_.empty(); }
  const HeaderMap& trailers() const noexcept override { return trailers_; }
  std::optional<std::uint64_t> length() const noexcept override { return length_; }
  void abort(Reason reason) noexcept override {
    aborted_ = reason;
    came_.notify();
  }

  std::optional<std::uint64_t> length_;

 private:
  net::Waiter came_;
  std::deque<std::string> pieces_;
  std::string current_;
  HeaderMap trailers_;
  bool ended_ = false;
  bool reading_ = false;
  Reason aborted_ = Reason::none;
};

class ReplayedContentTest : public testing::Test {
 protected:
  // All of a try's content, until there is no more or the try is over.
  Task<> read_all() {
    read_ = std::string(as_text(content_.begin()));
    over_ = false;
    while (!content_.complete()) {
      const Result<Bytes> piece = co_await content_.next();
      if (!piece) {
        failed_ = piece.error().reason;
        break;
      }
      read_ += as_text(*piece);
    }
    over_ = true;
  }

  net::Loop loop_;
  Arriving body_{loop_};
  telemetry::Gauge held_;
  ReplayedContent content_{body_, loop_, 10, held_};
  net::TaskGroup group_{loop_};
  std::string read_;
  bool over_ = false;
  Reason failed_ = Reason::none;
};

TEST_F(ReplayedContentTest, GivesEachTryAllOfIt) {
  net::run_on(loop_, [&]() -> Task<> {
    body_.arrive("one ");
    body_.arrive("two");
    body_.end();
    co_await read_all();
    EXPECT_EQ(read_, "one two");
    EXPECT_EQ(held_.value(), 7);
    co_await read_all();
    EXPECT_EQ(read_, "one two");
    EXPECT_FALSE(content_.lost());
    EXPECT_TRUE(content_.settled());
  });
}

TEST_F(ReplayedContentTest, WhatATryAskedForIsTheNextOnes) {
  net::run_on(loop_, [&]() -> Task<> {
    body_.arrive("one ");
    group_.spawn(read_all());
    co_await net::pass(loop_, 5ms);
    EXPECT_EQ(read_, "one ");
    content_.leave();
    const bool left = co_await group_.join(loop_.now() + 5s);
    EXPECT_TRUE(left && failed_ != Reason::none);
    EXPECT_FALSE(content_.settled()) << "the client is still asked";
    body_.arrive("two ");
    co_await net::pass(loop_, 5ms);
    group_.spawn(read_all());
    co_await net::pass(loop_, 5ms);
    EXPECT_EQ(read_, "one two ");
    body_.arrive("six");
    body_.end();
    const bool ended = co_await group_.join(loop_.now() + 5s);
    EXPECT_TRUE(ended && over_);
    EXPECT_EQ(read_, "one two six");
    EXPECT_TRUE(content_.lost()) << "eleven bytes";
    EXPECT_EQ(held_.value(), 0);
    co_await content_.settle();
  });
}

TEST_F(ReplayedContentTest, IsLostWhenItIsTooLong) {
  net::run_on(loop_, [&]() -> Task<> {
    body_.length_ = 11;
    body_.arrive("said so");
    EXPECT_FALSE(content_.lost());
    EXPECT_FALSE(content_.begun());
    EXPECT_EQ(as_text(content_.begin()), "said so");
    EXPECT_TRUE(content_.lost());
    EXPECT_EQ(held_.value(), 0);
    co_return;
  });
}

TEST_F(ReplayedContentTest, TellsOfAClientThatFailsBetweenTries) {
  net::run_on(loop_, [&]() -> Task<> {
    group_.spawn(read_all());
    content_.leave();
    const bool left = co_await group_.join(loop_.now() + 5s);
    EXPECT_TRUE(left);
    net::Waiter waiter(loop_);
    content_.tell_failure(&waiter);
    EXPECT_EQ(content_.failure(), nullptr);
    body_.abort(Reason::client_closed);
    co_await waiter.wait(loop_.now() + 5s);
    EXPECT_EQ(waiter.result(), net::Wake::notified);
    content_.tell_failure(nullptr);
    EXPECT_TRUE(content_.failure() != nullptr &&
                content_.failure()->reason == Reason::client_closed);
    EXPECT_TRUE(content_.settled());
  });
}

TEST_F(ReplayedContentTest, HandsOverAllThatWasRead) {
  net::run_on(loop_, [&]() -> Task<> {
    body_.arrive("one ");
    group_.spawn(read_all());
    co_await net::pass(loop_, 5ms);
    content_.leave();
    const bool left = co_await group_.join(loop_.now() + 5s);
    EXPECT_TRUE(left);
    // It comes for nobody.
    body_.arrive("two");
    co_await net::pass(loop_, 5ms);
    EXPECT_EQ(held_.value(), 4);
    EXPECT_EQ(content_.hand_over(), "one two");
    EXPECT_EQ(held_.value(), 0);
    EXPECT_TRUE(content_.lost());
    EXPECT_EQ(content_.hand_over(), std::nullopt);
    EXPECT_EQ(held_.value(), 0);
    EXPECT_TRUE(content_.settled());
  });
}

TEST_F(ReplayedContentTest, HandsOverNothingOfWhatIsTooLong) {
  net::run_on(loop_, [&]() -> Task<> {
    body_.arrive("eleven more");
    EXPECT_EQ(as_text(content_.begin()), "eleven more");
    EXPECT_EQ(content_.hand_over(), std::nullopt);
    EXPECT_EQ(held_.value(), 0);
    co_return;
  });
}

TEST_F(ReplayedContentTest, EndsWhatWaits) {
  net::run_on(loop_, [&]() -> Task<> {
    group_.spawn(read_all());
    content_.leave();
    const bool left = co_await group_.join(loop_.now() + 5s);
    EXPECT_TRUE(left);
    EXPECT_FALSE(content_.settled());
    co_await content_.settle();
    EXPECT_TRUE(content_.settled());
  });
}

}  // namespace
}  // namespace weir::proxy
