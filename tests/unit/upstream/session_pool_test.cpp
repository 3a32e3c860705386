// Places on the HTTP/2 connections of an endpoint, with connections that speak to nobody.
#include "weir/upstream/session_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <utility>

#include "net/loop_run.hpp"

namespace weir::upstream {
namespace {

class SilentConnection final : public codec::h2::ClientConnection {
 public:
  Task<Result<>> ready(Deadline) override { co_return Result<>{}; }
  void set_owner(Owner*) noexcept override {}
  std::size_t limit() const noexcept override { return closed_ ? 0 : 10; }
  std::size_t orphans() const noexcept override { return 0; }
  bool ending() const noexcept override { return closed_; }
  bool closed() const noexcept override { return closed_; }
  bool refusing() const noexcept override { return refuses; }
  bool offers_extended_connect() const noexcept override { return false; }
  std::unique_ptr<codec::ClientExchange> begin(TransferClock&, const CancelScope&,
                                               codec::ClientExchange::Owner&, Method,
                                               std::size_t) override {
    return nullptr;
  }
  void close() noexcept override { closed_ = true; }

  bool refuses = false;

 private:
  bool closed_ = false;
};

class SessionPoolTest : public testing::Test {
 protected:
  SessionPoolTest() { pool_.configure(1, std::chrono::seconds(4)); }

  net::Loop loop_;
  std::atomic<std::uint32_t> idle_{0};
  std::atomic<std::uint32_t> active_{0};
  SessionPool pool_{loop_, idle_, active_};
};

TEST_F(SessionPoolTest, WhatWasClearedCarriesNoFurtherRequest) {
  PooledSession& session = pool_.add(std::make_unique<SilentConnection>());
  pool_.clear();
  pool_.configure(1, std::chrono::seconds(4));
  EXPECT_EQ(pool_.try_take(false), nullptr);
  EXPECT_EQ(active_, 1u);
  PlaceWait wait(pool_, false);
  EXPECT_EQ(wait.told, PlaceWait::Told::connect) << "one that leaves is not counted";
  pool_.give_back(session);
  loop_.wheel().advance(loop_.now() + std::chrono::milliseconds(8));
  EXPECT_EQ(idle_ + active_, 0u);
}

TEST_F(SessionPoolTest, AnEmptyPoolIsNotKnownToTheWheel) {
  pool_.give_back(pool_.add(std::make_unique<SilentConnection>()));
  EXPECT_FALSE(loop_.wheel().empty());
  pool_.clear();
  EXPECT_TRUE(loop_.wheel().empty());
}

TEST_F(SessionPoolTest, ThoseWhoWaitAllConnectWhereOneSpeaksHttp1) {
  PlaceWait first(pool_, false);
  PlaceWait second(pool_, false);
  PlaceWait third(pool_, false);
  EXPECT_EQ(first.told, PlaceWait::Told::connect);
  EXPECT_EQ(second.told, PlaceWait::Told::nothing);
  pool_.connect_all();
  EXPECT_EQ(second.told, PlaceWait::Told::connect);
  EXPECT_EQ(third.told, PlaceWait::Told::connect);
}

std::unique_ptr<SilentConnection> refusing() {
  auto out = std::make_unique<SilentConnection>();
  out->refuses = true;
  return out;
}

TEST_F(SessionPoolTest, OneWhoWasRefusedKeepsNobodyBehindIt) {
  PooledSession& session = pool_.add(refusing());
  PlaceWait connects(pool_, true);
  EXPECT_EQ(connects.told, PlaceWait::Told::connect) << "one beyond those configured";
  PlaceWait refused(pool_, true);
  EXPECT_EQ(refused.told, PlaceWait::Told::nothing) << "waits for that one";
  PlaceWait plain(pool_, false);
  EXPECT_EQ(plain.told, PlaceWait::Told::place);
  PooledSession* const at_once = pool_.try_take(false);
  EXPECT_EQ(at_once, &session);
  if (at_once != nullptr) pool_.give_back(*at_once);
  pool_.add(std::make_unique<SilentConnection>());
  EXPECT_EQ(refused.told, PlaceWait::Told::place);
  EXPECT_NE(refused.session, &session);
}

TEST_F(SessionPoolTest, OneWhoWasRefusedWaitsForNobodyWhereNoneIsToCome) {
  pool_.add(refusing());
  pool_.add(refusing());
  PlaceWait refused(pool_, true);
  EXPECT_EQ(refused.told, PlaceWait::Told::place);
}

TEST_F(SessionPoolTest, AnOldConnectionCarriesNoFurtherRequestAndEndsAfterItsLast) {
  using std::chrono::milliseconds;
  PooledSession& session =
      pool_.add(std::make_unique<SilentConnection>(), false, 0, loop_.now() + milliseconds(100));
  loop_.wheel().advance(loop_.now() + milliseconds(50));
  PooledSession* const second = pool_.try_take(false);
  EXPECT_EQ(second, &session);
  loop_.wheel().advance(loop_.now() + milliseconds(150));
  EXPECT_EQ(pool_.try_take(false), nullptr);
  PlaceWait wait(pool_, false);
  EXPECT_EQ(wait.told, PlaceWait::Told::connect) << "another one is opened beside it";
  EXPECT_EQ(active_, 1u);
  pool_.give_back(session);
  loop_.wheel().advance(loop_.now() + milliseconds(200));
  EXPECT_EQ(active_, 1u) << "a request is still on it";
  pool_.give_back(session);
  loop_.wheel().advance(loop_.now() + milliseconds(300));
  EXPECT_EQ(idle_ + active_, 0u);
}

TEST_F(SessionPoolTest, AnOldConnectionEndsWhileItIsIdle) {
  using std::chrono::milliseconds;
  pool_.give_back(
      pool_.add(std::make_unique<SilentConnection>(), false, 0, loop_.now() + milliseconds(100)));
  loop_.wheel().advance(loop_.now() + milliseconds(50));
  EXPECT_EQ(idle_, 1u);
  loop_.wheel().advance(loop_.now() + milliseconds(150));
  EXPECT_EQ(idle_ + active_, 0u);
}

}  // namespace
}  // namespace weir::upstream
