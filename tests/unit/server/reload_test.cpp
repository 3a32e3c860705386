// Reloads of a real server on a port of its own: what they do while they run, and when they fail.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>

#include "allocation_count.hpp"
#include "weir/server/server.hpp"

namespace weir::server {
namespace {

using namespace std::chrono_literals;

// A door that a thread waits at until the test opens it.
class Door {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait_for(lock, 30s, [&] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool reached() {
    const std::lock_guard lock(mutex_);
    return waiting_ != 0;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

class ReloadTest : public testing::Test {
 protected:
  using Outcome = std::shared_ptr<std::optional<std::string>>;

  ReloadTest() {
    const auto begun = server_.start();
    EXPECT_TRUE(begun) << begun.error().front().to_string();
    bool serving = false;
    server_.when_serving([&] { serving = true; });
    EXPECT_TRUE(run_until([&] { return serving; }));
  }
  ~ReloadTest() override {
    door_.open();
    if (!ended_) shut_down();
    EXPECT_TRUE(run_until([&] { return ended_.has_value(); }));
    EXPECT_EQ(ended_.value_or(-1), 0);
  }

  void shut_down() {
    server_.shut_down([this](int code) { ended_ = code; });
  }

  std::expected<config::Loaded, std::vector<config::Problem>> load() {
    // The thread that compiles is the same for all reloads: what the one before did not need.
    fail_allocation(0);
    ++loads_;
    auto out = config::load_text(R"(
version: 1
server: {workers: 1, drain_timeout: 5s}
access_log: {path: "off"}
admin: "off"
listeners: [{name: http, bind: "127.0.0.1:0"}]
middleware:
  few: {rate_limit: {rate: 5/s, key: client_ip, max_keys: 64}}
routes:
  - {name: a, match: {path_prefix: /}, upstream: a, middleware: [few]}
  - {name: b, match: {path_regex: "/b/[0-9]+"}, respond: {status: 204}}
upstreams:
  a: {endpoints: [{address: "127.0.0.1:1"}]}
)");
    if (after_load_) after_load_();
    return out;
  }
  // What became of it: "" for success, the first problem otherwise.
  Outcome reload() {
    auto out = std::make_shared<std::optional<std::string>>();
    server_.reload([out](const Server::Problems& problems) {
      *out = problems.empty() ? "" : problems.front().to_string();
    });
    return out;
  }
  std::string outcome(const Outcome& of) {
    EXPECT_TRUE(run_until([&] { return of->has_value(); }));
    return of->value_or("nothing");
  }
  template <class Condition>
  bool run_until(Condition condition) {
    const TimePoint end = Clock::now() + 20s;
    while (!condition() && Clock::now() < end) {
      main_.restart();
      main_.run_one_for(5ms);
    }
    return condition();
  }
  std::uint64_t generation() const { return server_.snapshot()->generation(); }

  std::function<void()> after_load_;  // on the thread that loads
  std::atomic<int> loads_ = 0;
  std::optional<int> ended_;
  Door door_;
  asio::io_context main_;
  Server server_{main_, [this] { return load(); }};
};

TEST_F(ReloadTest, ASourceThatThrowsIsRefused) {
  after_load_ = [] { throw std::runtime_error("the disk is gone"); };
  EXPECT_EQ(outcome(reload()), "it cannot be compiled: the disk is gone");
  EXPECT_EQ(generation(), 1u);
  after_load_ = nullptr;
  EXPECT_EQ(outcome(reload()), "");
  EXPECT_EQ(generation(), 2u);
}

TEST_F(ReloadTest, ALackOfMemoryRefusesItWhereverItComes) {
  if (!counts_allocations()) GTEST_SKIP() << "sanitizers have an operator new of their own";
  std::size_t refused = 0;
  for (std::size_t n = 1; n < 1'000'000; n += 1 + n / 20) {
    after_load_ = [n] { fail_allocation(n); };
    const std::size_t failed = failed_allocations();
    const std::uint64_t before = generation();
    const std::string what = outcome(reload());
    if (what.empty()) {
      EXPECT_EQ(generation(), before + 1);
      if (failed_allocations() == failed) break;  // that many are not needed
    } else {
      EXPECT_TRUE(what.ends_with("there is not enough memory for this configuration")) << what;
      EXPECT_EQ(generation(), before);
      ++refused;
    }
  }
  EXPECT_GT(refused, 50u);
  after_load_ = nullptr;
  EXPECT_EQ(outcome(reload()), "");
}

TEST_F(ReloadTest, OneAtATimeAndWhoAsksMeanwhileSharesTheNext) {
  after_load_ = [this] { door_.wait(); };
  const Outcome first = reload();
  ASSERT_TRUE(run_until([&] { return door_.reached(); }));
  const Outcome second = reload();
  const Outcome third = reload();
  EXPECT_FALSE(*second);
  EXPECT_EQ(loads_, 2) << "the start's and the first's";
  door_.open();
  EXPECT_EQ(outcome(first), "");
  EXPECT_EQ(outcome(second), "");
  EXPECT_EQ(outcome(third), "");
  EXPECT_EQ(loads_, 3);
  EXPECT_EQ(generation(), 3u);
}

TEST_F(ReloadTest, AShutdownRefusesThemAndDoesNotHang) {
  after_load_ = [this] { door_.wait(); };
  const Outcome first = reload();
  ASSERT_TRUE(run_until([&] { return door_.reached(); }));
  const Outcome second = reload();
  shut_down();
  EXPECT_EQ(outcome(first), "shutting down");
  EXPECT_EQ(outcome(second), "shutting down");
  EXPECT_EQ(outcome(reload()), "shutting down");
  EXPECT_TRUE(run_until([&] { return ended_.has_value(); }));
  EXPECT_EQ(generation(), 1u);
}

TEST_F(ReloadTest, WhatAnOperatorSetsMeanwhileHolds) {
  after_load_ = [this] { door_.wait(); };
  const Outcome first = reload();
  ASSERT_TRUE(run_until([&] { return door_.reached(); }));
  const auto cluster = server_.process().registry.find("a");
  ASSERT_TRUE(cluster->set_endpoint("127.0.0.1:1", upstream::EndpointState::drain, 7));
  door_.open();
  EXPECT_EQ(outcome(first), "");
  EXPECT_EQ(server_.process().registry.find("a"), cluster);
  EXPECT_EQ(cluster->describe().endpoints[0].state, upstream::EndpointState::drain);
  EXPECT_EQ(cluster->describe().endpoints[0].weight, 7u);
}

}  // namespace
}  // namespace weir::server
