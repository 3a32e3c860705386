#include "weir/control/deficit_round_robin.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace weir::control {
namespace {

using Flow = DeficitRoundRobin::Flow;
constexpr auto any_flow = [](Flow) { return true; };

TEST(DeficitRoundRobin, ServesCallersInTurn) {
  struct Row {
    const char* name;
    std::string waiting;  // a letter for each request's caller
    std::string served;
  };
  const Row rows[] = {
      {"nobody", "", ""},
      {"one alone", "aaa", "aaa"},
      {"one with many, one with few", "aaaab", "abaaa"},
      {"as they came, where each has one", "abcd", "abcd"},
      {"all with several", "aabbcc", "abcabc"},
      {"mixed", "abacabc", "abcabca"},
  };
  for (const Row& row : rows) {
    const auto rounds = std::make_unique<DeficitRoundRobin>();
    std::map<Flow, char> names;
    for (const char caller : row.waiting) {
      names[rounds->enter(static_cast<std::uint64_t>(caller))] = caller;
    }
    std::string served;
    while (const auto flow = rounds->take(any_flow)) served += names[*flow];
    EXPECT_EQ(served, row.served) << row.name;
    EXPECT_EQ(rounds->active(), 0u) << row.name;
  }
}

TEST(DeficitRoundRobin, WhoCannotUseWhatIsThereCatchesUp) {
  const auto rounds = std::make_unique<DeficitRoundRobin>();
  Flow a = 0;
  Flow b = 0;
  for (int n = 0; n < 20; ++n) {
    a = rounds->enter(1);
    b = rounds->enter(2);
  }
  for (int n = 0; n < 3; ++n) {
    EXPECT_EQ(rounds->take([&](Flow flow) { return flow == b; }), b);
  }
  // Three turns were missed, and the next is its own.
  std::string served;
  for (int n = 0; n < 6; ++n) served += *rounds->take(any_flow) == a ? 'a' : 'b';
  EXPECT_EQ(std::ranges::count(served, 'a'), 5) << served;
}

TEST(DeficitRoundRobin, NobodyWhoCanMeansNothing) {
  const auto rounds = std::make_unique<DeficitRoundRobin>();
  EXPECT_FALSE(rounds->take(any_flow));
  rounds->enter(1);
  EXPECT_FALSE(rounds->take([](Flow) { return false; }));
  EXPECT_TRUE(rounds->take(any_flow));
}

TEST(DeficitRoundRobin, WhoWasServedOutOfTurnWaitsButIsNotKeptFromWhatNobodyElseWants) {
  const auto rounds = std::make_unique<DeficitRoundRobin>();
  Flow a = 0;
  for (int n = 0; n < 6; ++n) a = rounds->enter(1);
  const Flow b = rounds->enter(2);
  rounds->enter(2);
  for (int n = 0; n < 3; ++n) rounds->serve(a);
  EXPECT_EQ(rounds->take(any_flow), b);
  EXPECT_EQ(rounds->take([&](Flow flow) { return flow == a; }), a);
  EXPECT_EQ(rounds->waiting(a), 2u);
}

TEST(DeficitRoundRobin, BeyondItsKeysCallersShare) {
  const auto rounds = std::make_unique<DeficitRoundRobin>();
  std::set<Flow> flows;
  for (std::uint64_t key = 1; key <= DeficitRoundRobin::most_keys; ++key) {
    flows.insert(rounds->enter(key * 77'777'777'777));
  }
  EXPECT_EQ(flows.size(), DeficitRoundRobin::most_keys);
  for (std::uint64_t key = 1; key <= 3000; ++key) rounds->enter(key * 99'999'999'977 + 5);
  EXPECT_EQ(rounds->active(), DeficitRoundRobin::most_keys);
  std::size_t served = 0;
  while (rounds->take(any_flow)) ++served;
  EXPECT_EQ(served, DeficitRoundRobin::most_keys + 3000);
  EXPECT_EQ(rounds->enter(5), rounds->enter(5)) << "all flows are free again";
}

// A list of callers that is turned around.
class SlowRounds {
 public:
  void enter(std::uint64_t key) {
    const auto found = std::ranges::find(flows_, key, &Each::key);
    if (found != flows_.end()) {
      ++found->waiting;
    } else {
      if (flows_.empty()) began_ = false;
      flows_.push_back({key, 1, 0});
    }
  }
  void leave(std::uint64_t key) {
    const auto found = std::ranges::find(flows_, key, &Each::key);
    if (--found->waiting != 0) return;
    if (found == flows_.begin()) began_ = false;
    flows_.erase(found);
  }
  void serve(std::uint64_t key) {
    const auto found = std::ranges::find(flows_, key, &Each::key);
    found->credit = std::max(-4, found->credit - 1);
    leave(key);
  }
  // 0: nobody.
  std::uint64_t take(const std::set<std::uint64_t>& can) {
    for (std::size_t n = flows_.size(); n > 0; --n) {
      Each& here = flows_.front();
      if (!began_) here.credit = std::min(4, here.credit + 1);
      began_ = true;
      if (here.credit > 0 && can.contains(here.key)) {
        const std::uint64_t key = here.key;
        if (--here.credit <= 0 && here.waiting > 1) turn();
        leave(key);
        return key;
      }
      turn();
    }
    for (std::size_t n = flows_.size(); n > 0; --n) {
      const Each here = flows_.front();
      turn();
      if (here.credit > 0 || !can.contains(here.key)) continue;
      leave(here.key);
      return here.key;
    }
    return 0;
  }
  std::uint64_t most() const {
    return flows_.empty() ? 0 : std::ranges::max_element(flows_, {}, &Each::waiting)->waiting;
  }
  std::uint64_t waiting(std::uint64_t key) const {
    const auto found = std::ranges::find(flows_, key, &Each::key);
    return found == flows_.end() ? 0 : found->waiting;
  }
  std::vector<std::uint64_t> keys() const {
    std::vector<std::uint64_t> out;
    for (const Each& each : flows_) out.push_back(each.key);
    return out;
  }

 private:
  struct Each {
    std::uint64_t key;
    std::uint64_t waiting;
    int credit;
  };
  void turn() {
    std::ranges::rotate(flows_, flows_.begin() + 1);
    began_ = false;
  }

  std::vector<Each> flows_;  // whose turn it is first
  bool began_ = false;
};

TEST(DeficitRoundRobin, IsThatOfASlowModel) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    const auto rounds = std::make_unique<DeficitRoundRobin>();
    SlowRounds model;
    std::map<std::uint64_t, Flow> flows;
    for (int step = 0; step < 400; ++step) {
      const std::vector<std::uint64_t> keys = model.keys();
      const std::uint64_t key = 1 + random() % (2 + seed % 9);
      const auto event = random() % 10;
      if (event < 5) {
        flows[key] = rounds->enter(key);
        model.enter(key);
      } else if (event == 5 && !keys.empty()) {
        const std::uint64_t leaves = keys[random() % keys.size()];
        rounds->leave(flows[leaves]);
        model.leave(leaves);
      } else if (event == 6 && !keys.empty()) {
        const std::uint64_t served = keys[random() % keys.size()];
        rounds->serve(flows[served]);
        model.serve(served);
      } else {
        std::set<std::uint64_t> can;
        for (const std::uint64_t each : keys) {
          if (random() % 3 != 0) can.insert(each);
        }
        const auto took = rounds->take([&](Flow flow) {
          return std::ranges::any_of(can, [&](auto each) { return flows[each] == flow; });
        });
        const std::uint64_t expected = model.take(can);
        ASSERT_EQ(took.has_value(), expected != 0) << "seed " << seed << " step " << step;
        if (took) {
          ASSERT_EQ(*took, flows[expected]) << "seed " << seed << " step " << step;
        }
      }
      ASSERT_EQ(rounds->active(), model.keys().size());
      ASSERT_EQ(rounds->waiting_of(key), model.waiting(key));
      if (rounds->active() != 0) {
        ASSERT_EQ(rounds->waiting(rounds->longest()), model.most());
      }
    }
  }
}

}  // namespace
}  // namespace weir::control
