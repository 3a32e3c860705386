#include "weir/codec/tunnel.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <optional>
#include <string>

#include "net/loop_run.hpp"
#include "weir/net/waiter.hpp"

namespace weir::codec {
namespace {

using namespace std::chrono_literals;
using net::Loop;

// One side of a tunnel: what it says is queued, what it hears is kept.
class Side final : public ByteStream {
 public:
  explicit Side(Loop& loop) : waiter_(loop) {}

  void say(std::string text) {
    said_.push_back(std::move(text));
    waiter_.notify();
  }
  void finish() {
    finished_ = true;
    waiter_.notify();
  }
  void fail_reads() {
    read_error_ = Reason::client_closed;
    waiter_.notify();
  }

  Task<Result<Bytes>> read() override {
    while (said_.empty()) {
      if (aborted != Reason::none) co_return fail(aborted, weir::Side::internal);
      if (read_error_) co_return fail(*read_error_, weir::Side::downstream);
      if (finished_) co_return Bytes{};
      co_await waiter_.wait(no_deadline);
      waiter_.result();
    }
    current_ = std::move(said_.front());
    said_.pop_front();
    co_return as_bytes(current_);
  }
  Task<Result<>> write(Bytes bytes) override {
    if (aborted != Reason::none) co_return fail(aborted, weir::Side::internal);
    if (write_fails) co_return fail(Reason::client_closed, weir::Side::downstream);
    heard += as_text(bytes);
    co_return Result<>{};
  }
  void shutdown_write() noexcept override { ++ends_heard; }
  void abort(Reason reason) noexcept override {
    aborted = reason;
    waiter_.notify();
  }

  std::string heard;
  int ends_heard = 0;
  bool write_fails = false;
  Reason aborted = Reason::none;

 private:
  net::Waiter waiter_;
  std::deque<std::string> said_;
  std::string current_;
  bool finished_ = false;
  std::optional<Reason> read_error_;
};

class TunnelTest : public testing::Test {
 protected:
  // Runs `acts` beside the tunnel; the tunnel's end.
  template <class Acts>
  TunnelEnd run(Acts acts) {
    TunnelEnd end;
    net::run_on(loop_, [&]() -> Task<> {
      net::TaskGroup group(loop_);
      group.spawn(acts());
      end = co_await run_tunnel(loop_, client_, upstream_);
      co_await group.join();
    });
    return end;
  }

  Loop loop_;
  Side client_{loop_};
  Side upstream_{loop_};
};

TEST_F(TunnelTest, MovesBothWaysUntilBothEnded) {
  const TunnelEnd end = run([&]() -> Task<> {
    client_.say("ping");
    upstream_.say("pong");
    upstream_.say("!");
    EXPECT_TRUE(co_await net::until(
        loop_, [&] { return upstream_.heard == "ping" && client_.heard == "pong!"; }));
    client_.finish();
    upstream_.finish();
  });
  EXPECT_TRUE(end.clean);
  EXPECT_EQ(end.from_client, 4u);
  EXPECT_EQ(end.to_client, 5u);
  EXPECT_EQ(client_.ends_heard, 1);
  EXPECT_EQ(upstream_.ends_heard, 1);
  EXPECT_EQ(client_.aborted, Reason::none);
}

TEST_F(TunnelTest, OneDirectionMayEndBeforeTheOther) {
  for (const bool client_first : {true, false}) {
    Loop loop;
    Side client(loop);
    Side upstream(loop);
    Side& first = client_first ? client : upstream;
    Side& second = client_first ? upstream : client;
    TunnelEnd end;
    net::run_on(loop, [&]() -> Task<> {
      net::TaskGroup group(loop);
      const auto acts = [&]() -> Task<> {
        first.finish();
        EXPECT_TRUE(co_await net::until(loop, [&] { return second.ends_heard == 1; }));
        second.say("still here");
        EXPECT_TRUE(co_await net::until(loop, [&] { return first.heard == "still here"; }));
        second.finish();
      };
      group.spawn(acts());
      end = co_await run_tunnel(loop, client, upstream);
      co_await group.join();
    });
    EXPECT_TRUE(end.clean) << client_first;
    EXPECT_EQ(client_first ? end.to_client : end.from_client, 10u);
  }
}

TEST_F(TunnelTest, ADirectionThatFailsTakesTheOtherWithIt) {
  const TunnelEnd end = run([&]() -> Task<> {
    client_.say("ping");
    EXPECT_TRUE(co_await net::until(loop_, [&] { return upstream_.heard == "ping"; }));
    client_.fail_reads();
  });
  EXPECT_FALSE(end.clean);
  EXPECT_EQ(end.from_client, 4u);
  EXPECT_NE(client_.aborted, Reason::none);
  EXPECT_NE(upstream_.aborted, Reason::none);
  EXPECT_EQ(upstream_.ends_heard, 0);
}

TEST_F(TunnelTest, WhatCannotBeWrittenIsNotCounted) {
  client_.write_fails = true;
  const TunnelEnd end = run([&]() -> Task<> {
    upstream_.say("pong");
    co_return;
  });
  EXPECT_FALSE(end.clean);
  EXPECT_EQ(end.to_client, 0u);
}

}  // namespace
}  // namespace weir::codec
