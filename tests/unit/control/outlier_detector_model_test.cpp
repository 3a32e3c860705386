// The outlier detector against a slow, obvious model: histories instead of counters.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <optional>
#include <random>
#include <vector>

#include "weir/control/outlier_detector.hpp"

namespace weir::control {
namespace {

using namespace std::chrono_literals;

class OutlierModel {
 public:
  struct Endpoint {
    std::vector<bool> tries;     // since it was last let in or judged: whether each failed
    std::vector<bool> interval;  // of this interval
    bool out = false;
    TimePoint out_at{};
    TimePoint until{};
    struct Past {
      Duration time;
      TimePoint back;
    };
    std::vector<Past> past;  // ejections that have ended
    int row = 0;
  };

  OutlierModel(const OutlierPolicy& policy, std::size_t size, TimePoint now)
      : endpoints(size), policy_(policy), interval_from_(now) {}

  void tried(std::size_t at, bool failed, const std::vector<OutlierPeer>& peers, TimePoint now) {
    Endpoint& one = endpoints[at];
    if (one.out) return;
    one.tries.push_back(failed);
    one.interval.push_back(failed);
    std::size_t row = 0;
    while (row < one.tries.size() && one.tries[one.tries.size() - 1 - row]) ++row;
    if (policy_.consecutive_errors == 0 || row < policy_.consecutive_errors) return;
    one.tries.clear();
    if (may_leave(at, peers)) eject(one, now);
  }

  void judge(const std::vector<OutlierPeer>& peers, TimePoint now) {
    if (policy_.failure_share == 0 || now < interval_from_ + policy_.interval) return;
    interval_from_ = now;
    std::vector<std::size_t> measured;
    std::vector<double> share(endpoints.size(), 0);
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
      const auto& tries = endpoints[i].interval;
      if (endpoints[i].out || tries.size() < policy_.minimum_requests) continue;
      share[i] =
          static_cast<double>(std::ranges::count(tries, true)) / static_cast<double>(tries.size());
      measured.push_back(i);
    }
    for (Endpoint& one : endpoints) one.interval.clear();
    std::vector<std::size_t> order = measured;
    std::ranges::stable_sort(order,
                             [&](std::size_t a, std::size_t b) { return share[a] > share[b]; });
    for (const std::size_t at : order) {
      if (share[at] < policy_.failure_share) continue;
      if (measured.size() >= 5) {
        std::vector<double> others;
        for (const std::size_t i : measured) {
          if (i != at) others.push_back(share[i]);
        }
        double mean = 0;
        for (const double each : others) mean += each / static_cast<double>(others.size());
        double variance = 0;
        for (const double each : others) {
          variance += std::pow(each - mean, 2) / static_cast<double>(others.size());
        }
        // Shares are fractions of small numbers: nothing is so near the limit but by rounding.
        if (share[at] <= mean + 2 * std::sqrt(variance) + 1e-9) continue;
      }
      if (!may_leave(at, peers)) continue;
      endpoints[at].tries.clear();
      eject(endpoints[at], now);
    }
  }

  void look(TimePoint now) {
    for (Endpoint& one : endpoints) {
      if (one.out && now >= one.until) let_in(one, now);
    }
  }

  void passed(std::size_t at, TimePoint began, TimePoint now) {
    if (endpoints[at].out && began >= endpoints[at].out_at) let_in(endpoints[at], now);
  }

  std::vector<Endpoint> endpoints;

 private:
  bool may_leave(std::size_t at, const std::vector<OutlierPeer>& peers) const {
    std::size_t out = 0;
    std::size_t in = 0;
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
      const bool would_be = endpoints[i].out || i == at;
      out += would_be ? 1U : 0U;
      in += !would_be && peers[i].healthy ? 1U : 0U;
    }
    const double share = static_cast<double>(out) / static_cast<double>(endpoints.size());
    return peers[at].healthy && in >= 1 && share <= policy_.max_ejected + 1e-9;
  }

  void eject(Endpoint& one, TimePoint now) {
    const bool goes_on = !one.past.empty() && now < one.past.back().back + one.past.back().time;
    one.row = goes_on ? one.row + 1 : 1;
    const Duration time = std::min(one.row * policy_.ejection_time, policy_.max_ejection_time);
    one.out = true;
    one.out_at = now;
    one.until = now + time;
    one.past.push_back({time, {}});
  }

  static void let_in(Endpoint& one, TimePoint now) {
    one.out = false;
    one.past.back().back = now;
    one.tries.clear();
    one.interval.clear();
  }

  const OutlierPolicy policy_;
  TimePoint interval_from_;
};

TEST(OutlierDetectorModel, AnyHistoryIsTheModels) {
  std::mt19937 random(20261130);
  const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  std::size_t ejections[2] = {};
  for (int round = 0; round < 300; ++round) {
    OutlierPolicy policy;
    policy.consecutive_errors = static_cast<std::uint32_t>(pick(6));
    policy.failure_share = policy.consecutive_errors == 0 || pick(2) == 0 ? 0.1 * (1 + pick(9)) : 0;
    policy.minimum_requests = static_cast<std::uint32_t>(1 + pick(10));
    policy.interval = 1s * (1 + pick(5));
    policy.ejection_time = 1s * (1 + pick(5));
    policy.max_ejection_time = policy.ejection_time * (1 + pick(4));
    policy.max_ejected = 0.1 * pick(11);
    TimePoint now{1000s};
    const auto size = static_cast<std::size_t>(1 + pick(8));
    std::deque<OutlierRecord> records;
    std::vector<OutlierPeer> peers;
    for (std::size_t i = 0; i < size; ++i) peers.push_back({&records.emplace_back(), true});
    OutlierDetector detector;
    detector.apply(policy, now);
    OutlierModel model(policy, size, now);
    std::vector<int> failing;
    for (std::size_t i = 0; i < size; ++i) failing.push_back(pick(3) == 0 ? 80 : pick(30));
    for (int step = 0; step < 600; ++step) {
      const auto at = static_cast<std::size_t>(pick(static_cast<int>(size)));
      switch (pick(40)) {
        case 0: {
          const TimePoint began = now - 100ms * pick(30);
          (void)detector.ends_by_check(records[at], began, now);
          model.passed(at, began, now);
          break;
        }
        case 1:
          peers[at].healthy = !peers[at].healthy;
          break;
        default: {
          const bool failed = pick(100) < failing[at];
          if (detector.tried(records[at], failed)) {
            ejections[0] += detector.eject(at, peers, now) ? 1U : 0U;
          }
          model.tried(at, failed, peers, now);
        }
      }
      now += 10ms * pick(20);
      for (OutlierRecord& record : records) (void)detector.ends(record, now);
      model.look(now);
      ejections[1] += detector.judge_shares(peers, now).size();
      model.judge(peers, now);
      for (std::size_t i = 0; i < size; ++i) {
        ASSERT_EQ(OutlierDetector::ejected_until(records[i]),
                  model.endpoints[i].out ? model.endpoints[i].until : no_deadline)
            << "round " << round << " step " << step << " endpoint " << i;
      }
    }
  }
  EXPECT_GT(ejections[0], 500U);
  EXPECT_GT(ejections[1], 100U);
}

}  // namespace
}  // namespace weir::control
