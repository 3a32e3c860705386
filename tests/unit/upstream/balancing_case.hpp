// What the tests of balancing share: a cluster of origins, and where requests go.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "upstream/cluster_case.hpp"
#include "weir/net/task_group.hpp"

namespace weir::upstream {

// A loop on a thread of its own, on which tasks are run one after the other.
class LoopThread {
 public:
  LoopThread() : group_(loop), thread_([this] { loop.run(); }) {}
  ~LoopThread() {
    loop.mailbox().post([this] { loop.stop(); });
    thread_.join();
  }

  // Returns when the task that `body()` makes has ended.
  template <class Body>
  void run(Body body) {
    std::promise<void> ended;
    const auto whole = [&]() -> Task<> {
      co_await body();
      ended.set_value();
    };
    loop.mailbox().post([&] { group_.spawn(whole()); });
    const auto done = ended.get_future();
    if (done.wait_for(20s) == std::future_status::ready) return;
    // What it refers to is on this stack.
    std::fputs("the test's coroutine did not end in 20 seconds\n", stderr);
    std::abort();
  }

  net::Loop loop;

 private:
  net::TaskGroup group_;
  std::thread thread_;
};

// A cluster of origins on one loop; where requests go, one after the other.
class BalancingTest : public testing::Test {
 protected:
  BalancingTest() : origins_(4) {}
  ~BalancingTest() override { leave(); }

  // An endpoint for each priority.
  void serve(const std::vector<std::uint32_t>& priorities,
             config::LoadBalancing policy = config::LoadBalancing::round_robin) {
    upstream_ = {};
    upstream_.name = "orders";
    upstream_.load_balancer.policy = policy;
    for (std::size_t i = 0; i < priorities.size(); ++i) {
      upstream_.endpoints.push_back({origins_[i].text(), 1, priorities[i]});
    }
    make();
  }
  void make() {
    leave();
    cluster_ = cluster_on(upstream_, {&thread_.loop});
  }
  void leave() {
    if (!cluster_) return;
    run([&]() -> Task<> {
      cluster_->leave(0);
      cluster_.reset();
      co_return;
    });
  }
  template <class Body>
  void run(Body body) {
    thread_.run(body);
  }

  const std::string& address(std::size_t i) const { return upstream_.endpoints[i].address; }

  // By index; "no_healthy_endpoint" and the like by their name.
  std::map<std::string, int> spread(int requests, Caller caller = {}) {
    std::map<std::string, int> out;
    run([&]() -> Task<> {
      for (int n = 0; n < requests; ++n) {
        Tried tried;
        std::optional<Lease> lease = cluster_->try_acquire(0, tried, caller);
        if (!lease) {
          auto acquired = co_await cluster_->acquire(0, tried, loop().now() + 10s, caller);
          if (!acquired) {
            ++out[std::string(info(acquired.error().reason).name)];
            continue;
          }
          lease = std::move(*acquired);
        }
        const auto at = std::ranges::find(upstream_.endpoints, lease->endpoint().address(),
                                          &config::EndpointSpec::address);
        ++out[std::to_string(at - upstream_.endpoints.begin())];
        lease->give_back();
      }
    });
    return out;
  }

  // As health checks do it.
  void set_health(std::size_t i, bool healthy) {
    auto& health =
        const_cast<control::EndpointHealth&>(cluster_->describe().endpoints[i].endpoint->health());
    if (healthy) {
      health.let_in(control::EndpointHealth::Out::checks, Clock::now());
    } else {
      health.take_out(control::EndpointHealth::Out::checks);
    }
    look_again();
  }
  void look_again() {
    cluster_->set_endpoint(address(0), {}, cluster_->describe().endpoints[0].weight);
  }
  void set_state(std::size_t i, EndpointState state) {
    EXPECT_TRUE(cluster_->set_endpoint(address(i), state, {}));
  }

  using Counts = std::map<std::string, int>;

  net::Loop& loop() { return thread_.loop; }

  LoopThread thread_;
  std::vector<net::Origin> origins_;
  config::Upstream upstream_;
  std::shared_ptr<Cluster> cluster_;
};

}  // namespace weir::upstream
