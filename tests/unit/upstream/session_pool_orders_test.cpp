// Requests, connections and settings of a pool of HTTP/2 connections in orders that nobody thought
// of: beside the pool a model that only counts, and after each event what must hold of both. Who
// can be served is, in turn; and at the end no place, connection or wait is left.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <random>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "net/loop_run.hpp"
#include "support/place.hpp"
#include "weir/upstream/session_pool.hpp"

namespace weir::upstream {
namespace session_pool_orders {
namespace {

using namespace std::chrono_literals;
using Told = PlaceWait::Told;

// What the test knows of a connection, also when it is gone.
struct Known {
  std::size_t limit = 1;
  std::size_t orphans = 0;
  bool ending = false;
  bool closed = false;
  bool refusing = false;
  bool leaving = false;  // the pool shall give it no further request
  bool gone = false;
  std::size_t held = 0;  // places, by requests and by waits that were told
  codec::h2::ClientConnection::Owner* owner = nullptr;
  PooledSession* pooled = nullptr;

  bool is_live() const { return !leaving && !ending && !gone; }
  bool has_room() const { return !leaving && !gone && held + orphans < limit; }
};

class ToldConnection final : public codec::h2::ClientConnection {
 public:
  explicit ToldConnection(std::shared_ptr<Known> known) : known_(std::move(known)) {}
  ~ToldConnection() override { known_->gone = true; }
  Task<Result<>> ready(Deadline) override { co_return Result<>{}; }
  void set_owner(Owner* owner) noexcept override { known_->owner = owner; }
  std::size_t limit() const noexcept override { return known_->limit; }
  std::size_t orphans() const noexcept override { return known_->orphans; }
  bool ending() const noexcept override { return known_->ending; }
  bool closed() const noexcept override { return known_->closed; }
  bool refusing() const noexcept override { return known_->refusing; }
  bool offers_extended_connect() const noexcept override { return false; }
  std::unique_ptr<codec::ClientExchange> begin(TransferClock&, const CancelScope&,
                                               codec::ClientExchange::Owner&, Method,
                                               std::size_t) override {
    return nullptr;
  }
  void close() noexcept override {
    known_->closed = known_->ending = true;
    known_->limit = 0;
  }

 private:
  const std::shared_ptr<Known> known_;
};

// A request that waits, in the order in which they came.
struct Waiting {
  Waiting(SessionPool& pool, bool is_fresh) : fresh(is_fresh), wait(pool, is_fresh) {}
  const bool fresh;
  bool left = false;          // was cancelled, and has not gone yet
  Told seen = Told::nothing;  // by the last look
  PlaceWait wait;
};

class PoolRun {
 public:
  explicit PoolRun(unsigned seed) : random_(seed) { pool_->configure(most_, idle_timeout_); }

  void go(int events) {
    for (int i = 0; i < events && !testing::Test::HasFailure(); ++i) {
      happen();
      look();
    }
    end();
  }

 private:
  struct Event {
    const char* name;
    void (PoolRun::*happen)();
    unsigned weight;
  };

  unsigned below(std::size_t bound) { return static_cast<unsigned>(random_() % bound); }
  bool chance() { return below(2) == 0; }
  template <class Range>
  auto any(Range& range) {
    return std::next(range.begin(), below(std::ranges::size(range)));
  }

  void happen() {
    static constexpr std::array<Event, 15> events{{{"ask", &PoolRun::ask, 8},
                                                   {"give back", &PoolRun::give_back, 6},
                                                   {"take over", &PoolRun::take_over, 8},
                                                   {"connected", &PoolRun::connected, 6},
                                                   {"connect failed", &PoolRun::connect_failed, 2},
                                                   {"HTTP/1", &PoolRun::speaks_http1, 1},
                                                   {"cancel", &PoolRun::cancel, 2},
                                                   {"leave", &PoolRun::leave, 2},
                                                   {"limit", &PoolRun::limit, 3},
                                                   {"refuses", &PoolRun::refuses, 3},
                                                   {"orphans", &PoolRun::orphans, 2},
                                                   {"GOAWAY", &PoolRun::goes, 1},
                                                   {"closed", &PoolRun::closes, 1},
                                                   {"configured", &PoolRun::configured, 1},
                                                   {"time", &PoolRun::time_passes, 2}}};
    unsigned total = 1;
    for (const Event& event : events) total += event.weight;
    unsigned at = below(total);
    for (const Event& event : events) {
      if (at < event.weight) {
        told_ += std::string(told_.empty() ? "" : ", ") + event.name;
        return (this->*event.happen)();
      }
      at -= event.weight;
    }
    told_ += ", clear";
    pool_->clear();
    for (const auto& one : known_) one->leaving = true;
  }

  // --- requests
  void ask() {
    if (waiting_.size() > 8) return;
    const bool fresh = below(4) == 0;
    if (chance()) {
      const bool overtakes = std::ranges::any_of(waiting_, [](const Waiting& one) {
        return one.seen == Told::nothing && !one.fresh && !one.left;
      });
      if (PooledSession* const got = pool_->try_take(fresh)) {
        Known& session = known(*got);
        EXPECT_FALSE(overtakes) << told_;
        EXPECT_TRUE(session.has_room()) << told_;
        EXPECT_FALSE(fresh && session.refusing) << told_;
        ++session.held;
        held_.push_back(got);
        return;
      }
    }
    waiting_.emplace_back(*pool_, fresh);
  }
  void give_back() {
    if (held_.empty()) return;
    const auto at = any(held_);
    PooledSession& session = **at;
    held_.erase(at);
    --known(session).held;
    pool_->give_back(session);
  }
  // One that was told to has its place now.
  void take_over() {
    const auto at = find_told(Told::place);
    if (at == waiting_.end()) return;
    held_.push_back(std::exchange(at->wait.session, nullptr));
    waiting_.erase(at);
  }
  void connected() {
    const auto at = find_told(Told::connect);
    if (at == waiting_.end()) return;
    const auto made = std::make_shared<Known>();
    made->limit = 1 + below(3);
    made->leaving = below(8) == 0;
    made->refusing = below(6) == 0;
    made->held = 1;
    known_.push_back(made);
    const bool ages = below(4) == 0;
    made->pooled = &pool_->add(std::make_unique<ToldConnection>(made), made->leaving, 0,
                               ages ? Deadline(now_ + 50ms * below(8)) : no_deadline);
    held_.push_back(made->pooled);
    ends_.emplace_back(made, made->pooled->ends);
    waiting_.erase(at);
  }
  void connect_failed() {
    const auto at = find_told(Told::connect);
    if (at == waiting_.end()) return;
    may_fail_ = true;
    pool_->connect_failed({Reason::connect_failed, Side::upstream, "ECONNREFUSED"});
    waiting_.erase(at);
  }
  void speaks_http1() {
    const auto at = find_told(Told::connect);
    if (at == waiting_.end()) return;
    pool_->connect_all();
    for (const Waiting& one : waiting_) {
      EXPECT_TRUE(one.left || one.wait.told != Told::nothing) << told_;
    }
    waiting_.erase(at);
  }
  void cancel() {
    if (waiting_.empty()) return;
    const auto at = any(waiting_);
    at->wait.waiter.cancel();
    at->left = true;
  }
  // Whatever it was told.
  void leave() {
    if (waiting_.empty()) return;
    const auto at = any(waiting_);
    if (at->wait.told == Told::place) --known(*at->wait.session).held;
    waiting_.erase(at);
  }

  // --- connections
  void change(void (*what)(PoolRun&, Known&)) {
    std::vector<Known*> open;
    for (const auto& one : known_) {
      if (!one->gone && !one->closed) open.push_back(one.get());
    }
    if (open.empty()) return;
    Known& one = **any(open);
    what(*this, one);
    // The pool's is the only pointer to its session: it may be gone behind this.
    if (one.owner != nullptr) one.owner->connection_changed(*one.pooled->connection);
  }
  void limit() {
    change([](PoolRun& run, Known& one) {
      if (!one.ending) one.limit = run.below(4);
    });
  }
  void refuses() {
    change([](PoolRun& run, Known& one) { one.refusing = run.chance(); });
  }
  void orphans() {
    change([](PoolRun& run, Known& one) { one.orphans = run.below(3); });
  }
  void goes() {
    change([](PoolRun&, Known& one) {
      one.ending = true;
      one.limit = 0;
    });
  }
  void closes() {
    change([](PoolRun&, Known& one) {
      one.ending = one.closed = true;
      one.limit = 0;
    });
  }

  // --- the rest
  void configured() {
    most_ = 1 + below(3);
    idle_timeout_ = chance() ? Duration::zero() : Duration(100ms);
    pool_->configure(most_, idle_timeout_);
  }
  void time_passes() {
    now_ += 1ms * (1 + below(120));
    loop_.wheel().advance(now_);
    for (const auto& [one, ends] : ends_) {
      if (one->gone) continue;
      one->leaving = one->pooled->leaving;
      // As exact as the wheel is.
      EXPECT_TRUE(one->leaving || ends == no_deadline || now_ < ends + 20ms) << told_;
    }
  }

  std::list<Waiting>::iterator find_told(Told what) {
    std::vector<std::list<Waiting>::iterator> found;
    for (auto at = waiting_.begin(); at != waiting_.end(); ++at) {
      if (at->wait.told == what) found.push_back(at);
    }
    return found.empty() ? waiting_.end() : *any(found);
  }
  Known& known(const PooledSession& of) {
    for (const auto& one : known_) {
      if (one->pooled == &of && !one->gone) return *one;
    }
    ADD_FAILURE() << "a place on a connection that is gone: " << told_;
    return *known_.front();
  }

  // What must hold between events.
  void look() {
    std::size_t connecting = 0;
    std::vector<std::pair<Known*, bool>> granted;  // to one that wants a fresh one
    // In each kind's turn: an older one that still waits is passed by nobody.
    std::array<bool, 2> waits{false, false};
    for (Waiting& one : waiting_) {
      const Told before = std::exchange(one.seen, one.wait.told);
      if (one.seen == Told::connect) ++connecting;
      if (one.seen == Told::nothing && !one.left) waits[one.fresh ? 1 : 0] = true;
      if (before == one.seen) continue;
      EXPECT_EQ(before, Told::nothing) << told_;
      if (one.seen == Told::failed) {
        EXPECT_TRUE(may_fail_ && one.wait.error.reason == Reason::connect_failed) << told_;
        continue;
      }
      EXPECT_FALSE(waits[one.fresh ? 1 : 0]) << "passed by a later one: " << told_;
      if (one.seen != Told::place) continue;
      Known& session = known(*one.wait.session);
      ++session.held;
      granted.emplace_back(&session, one.fresh);
    }
    may_fail_ = false;
    const auto has_room = [](const auto& one) { return one->has_room(); };
    const auto is_good = [](const auto& one) { return one->has_room() && !one->refusing; };
    for (const auto& [session, fresh] : granted) {
      EXPECT_TRUE(!session->leaving && session->held + session->orphans <= session->limit)
          << "more than it takes: " << told_;
      EXPECT_FALSE(fresh && session->refusing && std::ranges::any_of(known_, is_good)) << told_;
    }
    EXPECT_EQ(pool_->connecting(), connecting != 0) << told_;
    const auto live = static_cast<std::size_t>(
        std::ranges::count_if(known_, [](const auto& one) { return one->is_live(); }));
    const bool may_connect = connecting == 0;
    EXPECT_FALSE(waits[0] &&
                 (std::ranges::any_of(known_, has_room) || (may_connect && live < most_)))
        << "waits for nothing: " << told_;
    EXPECT_FALSE(waits[1] &&
                 (std::ranges::any_of(known_, is_good) ||
                  (may_connect && (live <= most_ || std::ranges::any_of(known_, has_room)))))
        << "waits for nothing, for a fresh one: " << told_;
    std::uint32_t idle = 0;
    std::uint32_t active = 0;
    for (const auto& one : known_) {
      EXPECT_FALSE(one->gone && one->held != 0) << "gone with a request on it: " << told_;
      if (one->gone || one->closed) continue;
      ++(one->held == 0 ? idle : active);
    }
    EXPECT_EQ(idle_, idle) << told_;
    EXPECT_EQ(active_, active) << told_;
  }

  // All leave.
  void end() {
    // Each may leave what it was told to those behind it.
    waiting_.clear();
    while (!held_.empty()) {
      pool_->give_back(*held_.back());
      held_.pop_back();
    }
    EXPECT_EQ(active_, 0u) << told_;
    pool_->clear();
    EXPECT_EQ(idle_, 0u) << told_;
    for (const auto& one : known_) EXPECT_TRUE(one->gone) << told_;
    EXPECT_TRUE(loop_.wheel().empty()) << told_;
    pool_.reset();
  }

  std::mt19937 random_;
  std::string told_;
  net::Loop loop_;
  TimePoint now_ = loop_.now();
  std::size_t most_ = 1;
  Duration idle_timeout_ = 100ms;
  std::atomic<std::uint32_t> idle_{0};
  std::atomic<std::uint32_t> active_{0};
  std::unique_ptr<SessionPool> pool_ = std::make_unique<SessionPool>(loop_, idle_, active_);
  std::vector<std::shared_ptr<Known>> known_;
  std::vector<std::pair<std::shared_ptr<Known>, Deadline>> ends_;
  std::vector<PooledSession*> held_;
  std::list<Waiting> waiting_;
  bool may_fail_ = false;  // a connect has failed in this event
};

class SessionPoolOrders : public testing::TestWithParam<unsigned> {};

TEST_P(SessionPoolOrders, WhoCanBeServedIsAndNothingIsLeft) {
  constexpr unsigned runs = 250;
  for (unsigned i = 0; i < runs && !HasFailure(); ++i) {
    const unsigned seed = GetParam() * runs + i;
    const test::Place place(__FILE__, __LINE__, "seed " + std::to_string(seed));
    PoolRun(seed).go(120);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SessionPoolOrders, testing::Range(0u, 8u));

}  // namespace
}  // namespace session_pool_orders
}  // namespace weir::upstream
