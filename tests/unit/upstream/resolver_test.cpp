#include "weir/upstream/resolver.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace weir::upstream {
namespace {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

// What the threads of a resolver are held up by. Shared with them, since they may outlive the test.
class Names {
 public:
  // Look-ups of it wait until release().
  void hold(const std::string& host) {
    const std::lock_guard lock(mutex_);
    held_.insert(host);
  }
  void release(const std::string& host) {
    const std::lock_guard lock(mutex_);
    held_.erase(host);
    changed_.notify_all();
  }
  void release_all() {
    const std::lock_guard lock(mutex_);
    held_.clear();
    changed_.notify_all();
  }
  std::expected<std::vector<SocketAddress>, std::string> look_up(const std::string& host,
                                                                 std::uint16_t port) {
    std::unique_lock lock(mutex_);
    ++asked_[host];
    most_ = std::max(most_, ++now_);
    changed_.notify_all();
    changed_.wait(lock, [&] { return !held_.contains(host); });
    --now_;
    if (host.starts_with("none")) return std::unexpected("not known");
    return std::vector{SocketAddress(*IpAddress::parse("127.0.0.1"), port)};
  }
  int asked(const std::string& host) {
    const std::lock_guard lock(mutex_);
    return asked_[host];
  }
  unsigned now() {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  unsigned most() {
    const std::lock_guard lock(mutex_);
    return most_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> held_;
  std::map<std::string, int> asked_;
  unsigned now_ = 0;
  unsigned most_ = 0;
};

class ResolverTest : public testing::Test {
 protected:
  ~ResolverTest() override {
    names_->release_all();
    resolver_.reset();
    // The threads let go of it last.
    EXPECT_TRUE(run_until([&] { return names_.use_count() == 1; }));
  }
  void limit(ResolverLimits limits) {
    resolver_ = make_resolver(
        main_,
        [names = names_](const std::string& host, std::uint16_t port) {
          return names->look_up(host, port);
        },
        limits);
  }
  void ask(const std::string& host) {
    resolver_->resolve(host, 80, [this, host](const std::string& error, auto addresses) {
      told_.push_back(host + ": " + (error.empty() ? std::to_string(addresses.size()) : error));
    });
  }
  template <class Condition>
  bool run_until(Condition condition) {
    const TimePoint end = Clock::now() + 10s;
    while (!condition() && Clock::now() < end) {
      main_.restart();
      main_.run_one_for(5ms);
    }
    return condition();
  }
  bool is_told(const std::string& what) const {
    return std::ranges::find(told_, what) != told_.end();
  }

  asio::io_context main_;
  std::shared_ptr<Names> names_ = std::make_shared<Names>();
  std::unique_ptr<Resolver> resolver_;
  Texts told_;
};

TEST_F(ResolverTest, OneThatHangsHoldsUpNobody) {
  limit({.prompt = 2, .slow = 1, .threads = 4, .patience = 10s});
  names_->hold("dead.test");
  ask("dead.test");
  for (const char* host : {"a.test", "b.test", "none.test"}) ask(host);
  EXPECT_TRUE(run_until([&] { return told_.size() == 3; }));
  EXPECT_EQ(told_, (Texts{"a.test: 1", "b.test: 1", "none.test: not known"}));
}

TEST_F(ResolverTest, ManyThatHangLeaveTheirPlacesWhenTheirTimeIsOver) {
  limit({.prompt = 2, .slow = 1, .threads = 4, .patience = 100ms});
  for (const char* host : {"dead1", "dead2", "dead3", "dead4", "dead5", "dead6"}) {
    names_->hold(host);
    ask(host);
  }
  EXPECT_TRUE(run_until([&] { return told_.size() == 6; }));
  for (const std::string& line : told_) {
    EXPECT_TRUE(line.ends_with("no answer within 0.1 s")) << line;
  }
  // Those that ran are slow now, and the next two took their places; nobody is held up for long.
  told_.clear();
  ask("good.test");
  EXPECT_TRUE(run_until([&] { return is_told("good.test: 1") || names_->now() == 4; }));
  EXPECT_LE(names_->most(), 4u);
  names_->release("dead3");
  names_->release("dead4");
  EXPECT_TRUE(run_until([&] { return is_told("good.test: 1"); }));
}

TEST_F(ResolverTest, ASlowNameWaitsForItsOwnPlacesTheNextTime) {
  limit({.prompt = 1, .slow = 1, .threads = 3, .patience = 50ms});
  for (const char* host : {"slow1", "slow2"}) {
    names_->hold(host);
    ask(host);
    EXPECT_TRUE(
        run_until([&] { return is_told(std::string(host) + ": no answer within 0.05 s"); }));
  }
  names_->release_all();
  EXPECT_TRUE(run_until([&] { return is_told("slow1: 1") && is_told("slow2: 1"); }))
      << "an answer that comes late is taken";
  for (const char* host : {"slow1", "slow2"}) {
    names_->hold(host);
    ask(host);
  }
  EXPECT_TRUE(run_until([&] { return names_->asked("slow1") == 2; }));
  for (int i = 0; i < 20; ++i) {
    told_.clear();
    ask("good.test");
    EXPECT_TRUE(run_until([&] { return is_told("good.test: 1"); }));
  }
  EXPECT_EQ(names_->asked("slow2"), 1) << "one slow name at a time";
}

TEST_F(ResolverTest, ANameThatIsLookedUpAlreadyIsNotLookedUpTwice) {
  limit({.prompt = 4, .slow = 1, .threads = 8, .patience = 50ms});
  names_->hold("dead.test");
  ask("dead.test");
  EXPECT_TRUE(run_until([&] { return told_.size() == 1; }));
  told_.clear();
  ask("dead.test");
  EXPECT_TRUE(run_until([&] { return told_ == Texts{"dead.test: no answer within 0.05 s"}; }));
  names_->release("dead.test");
  EXPECT_TRUE(run_until([&] { return is_told("dead.test: 1"); }));
  EXPECT_EQ(names_->asked("dead.test"), 1);
}

TEST_F(ResolverTest, StopWaitsForNobodyAndNobodyIsToldAfterIt) {
  limit({.prompt = 2, .slow = 1, .threads = 2, .patience = 50ms});
  names_->hold("dead.test");
  for (const char* host : {"dead.test", "a.test"}) ask(host);
  EXPECT_TRUE(run_until([&] { return is_told("a.test: 1") && names_->now() == 1; }));
  told_.clear();
  resolver_->stop();
  resolver_.reset();
  names_->release_all();
  EXPECT_TRUE(run_until([&] { return names_.use_count() == 1; }));
  EXPECT_TRUE(told_.empty());
}

TEST_F(ResolverTest, TheSystemKnowsLocalhostAndNoInvalidName) {
  resolver_ = make_system_resolver(main_);
  std::vector<SocketAddress> found;
  std::string error;
  resolver_->resolve("localhost", 8080, [&](const auto&, auto addresses) { found = addresses; });
  resolver_->resolve("x.invalid", 1, [&](const std::string& why, const auto&) { error = why; });
  EXPECT_TRUE(run_until([&] { return !found.empty() && !error.empty(); }));
  ASSERT_FALSE(found.empty());
  EXPECT_TRUE(found[0].ip().is_loopback());
  EXPECT_EQ(found[0].port(), 8080);
}

}  // namespace
}  // namespace weir::upstream
