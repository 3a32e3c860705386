// Endpoints that come and go under a cluster without a reload.
#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "upstream/cluster_case.hpp"

namespace weir::upstream {
namespace {

Member member(const Origin& origin, std::uint32_t weight = 1) {
  return {*SocketAddress::parse(origin.text()), weight};
}

std::shared_ptr<const Endpoint> endpoint_at(const Cluster& cluster, const std::string& address) {
  for (const EndpointInfo& one : cluster.describe().endpoints) {
    if (one.address == address) return one.endpoint;
  }
  return nullptr;
}

TEST(MembersChange, AnEndpointGoesFromSourceToSource) {
  net::Loop loop;
  Origin origin;
  const auto cluster = cluster_on(upstream_of({origin.text()}), {&loop});
  run_on(loop, [&]() -> Task<> {
    auto held = co_await lease_of(*cluster, loop);
    auto idle = co_await lease_of(*cluster, loop);
    if (!held || !idle) co_return ADD_FAILURE() << "no lease";
    const Endpoint* const before = &held->endpoint();
    idle->give_back();
    EXPECT_TRUE(cluster->set_endpoint(origin.text(), EndpointState::drain, 4));
    cluster->set_members("other", {member(origin, 1)});
    cluster->apply(upstream_of({}));
    EXPECT_EQ(endpoint_at(*cluster, origin.text()).get(), before);
    EXPECT_EQ(before->state(), EndpointState::drain);
    EXPECT_EQ(before->in_flight(), 1u);
    EXPECT_TRUE(cluster->set_endpoint(origin.text(), EndpointState::ready, 1));
    // A name of the next configuration lists it, too, and then alone.
    const Addresses found{{"a.test:80", {{*SocketAddress::parse(origin.text())}}}};
    cluster->apply(upstream_of({"a.test:80"}), found);
    cluster->set_members("other", {});
    EXPECT_EQ(endpoint_at(*cluster, origin.text()).get(), before);
    EXPECT_EQ(cluster->describe().endpoints.size(), 1u);
    EXPECT_TRUE(held->stream().is_open());
    auto next = co_await lease_of(*cluster, loop);
    EXPECT_TRUE(next && &next->endpoint() == before);
  });
  cluster->leave(0);
}

TEST(MembersChange, WhatFailedIsRemembered) {
  net::Loop loop;
  const Refusing refusing;
  const auto cluster = cluster_on(upstream_of({refusing.text()}), {&loop});
  run_on(loop, [&]() -> Task<> {
    EXPECT_EQ(reason_of(co_await lease_of(*cluster, loop)), Reason::connect_failed);
    cluster->set_members("other", {{*SocketAddress::parse(refusing.text()), 1}});
    cluster->apply(upstream_of({}));
    const auto endpoints = cluster->describe().endpoints;
    EXPECT_EQ(endpoints.size(), 1u);
    EXPECT_TRUE(endpoints.at(0).failure.has_value());
  });
  cluster->leave(0);
}

TEST(MembersChange, OneThatGoesIsDrained) {
  net::Loop loop;
  Origin stays;
  Origin goes;
  std::vector<std::string> gone;
  const auto cluster = cluster_on(
      upstream_of({stays.text()}), {&loop},
      {.endpoint_added = {}, .endpoint_gone = [&](std::string_view, std::string_view which) {
         gone.emplace_back(which);
       }});
  cluster->set_members("other", {member(goes)});
  run_on(loop, [&]() -> Task<> {
    std::vector<Lease> leases;
    for (int n = 0; n < 4; ++n) {
      auto lease = co_await lease_of(*cluster, loop);
      if (!lease) co_return ADD_FAILURE() << lease.error().detail;
      leases.push_back(std::move(*lease));
    }
    const auto endpoint = endpoint_at(*cluster, goes.text());
    const auto is_there = [&](const Lease& lease) { return &lease.endpoint() == endpoint.get(); };
    const auto held = std::ranges::find_if(leases, is_there);
    if (held == leases.end()) co_return ADD_FAILURE() << "not chosen";
    const auto idle = std::find_if(held + 1, leases.end(), is_there);
    if (idle == leases.end()) co_return ADD_FAILURE() << "not chosen twice";
    idle->give_back();
    EXPECT_EQ(endpoint->idle_connections(), 1u);
    cluster->set_members("other", {});
    EXPECT_EQ(gone, std::vector<std::string>{goes.text()});
    EXPECT_TRUE(co_await until(loop, [&] { return endpoint->idle_connections() == 0; }));
    EXPECT_TRUE(held->stream().is_open());
    EXPECT_EQ(endpoint->in_flight(), 1u);
    for (int n = 0; n < 4; ++n) {
      auto lease = co_await lease_of(*cluster, loop);
      EXPECT_TRUE(lease && lease->endpoint().address() == stays.text());
    }
    held->give_back();
    EXPECT_EQ(endpoint->in_flight(), 0u);
    EXPECT_EQ(endpoint->idle_connections(), 0u);
  });
  cluster->leave(0);
}

TEST(MembersChange, ARetiredClusterListsNoMore) {
  net::Loop loop;
  Origin origin;
  const auto cluster = cluster_on(upstream_of({}), {&loop});
  cluster->retire();
  cluster->set_members("other", {member(origin)});
  EXPECT_TRUE(cluster->describe().endpoints.empty());
  cluster->leave(0);
}

// While others come and go with every request, those that stay get their turn one after the other.
TEST(MembersChange, NobodysTurnGoesBackToTheStart) {
  net::Loop loop;
  Origin a;
  Origin b;
  Origin c;
  Origin guest;
  const auto cluster = cluster_on(upstream_of({a.text(), b.text(), c.text()}), {&loop});
  run_on(loop, [&]() -> Task<> {
    std::map<std::string, int> counts;
    for (int n = 0; n < 60; ++n) {
      auto lease = co_await lease_of(*cluster, loop);
      if (!lease) co_return ADD_FAILURE() << lease.error().detail;
      ++counts[lease->endpoint().address()];
      lease->give_back();
      cluster->set_members("other",
                           n % 2 == 0 ? std::vector{member(guest)} : std::vector<Member>());
    }
    for (const Origin* one : {&a, &b, &c}) {
      EXPECT_GE(counts[one->text()], 12) << one->text();
      EXPECT_LE(counts[one->text()], 24) << one->text();
    }
  });
  cluster->leave(0);
}

// Leases, operators and changes in any order, against a model of who is listed and what is held.
TEST(MembersChange, RandomChangesComeToWhatAModelSays) {
  net::Loop loop;
  std::vector<Origin> origins(5);
  const auto cluster = cluster_on(upstream_of({origins[0].text()}), {&loop});
  std::mt19937 random(11);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  std::map<std::string, std::set<std::string>> lists;  // by source; "" is the configuration's
  std::map<std::string, EndpointState> states;         // where an operator has said something
  std::map<std::string, std::uint64_t> held;
  lists[""] = {origins[0].text()};
  std::vector<Lease> leases;
  const auto listed = [&] {
    std::set<std::string> out;
    for (const auto& [source, addresses] : lists) out.insert(addresses.begin(), addresses.end());
    return out;
  };
  run_on(loop, [&]() -> Task<> {
    for (int step = 0; step < 600; ++step) {
      const std::string source = std::vector<std::string>{"", "x", "y"}[below(3)];
      switch (below(4)) {
        case 0: {
          std::set<std::string> chosen;
          for (const Origin& origin : origins) {
            if (below(3) == 0) chosen.insert(origin.text());
          }
          lists[source] = chosen;
          if (source.empty()) {
            cluster->apply(upstream_of({chosen.begin(), chosen.end()}));
          } else {
            std::vector<Member> members;
            for (const auto& one : chosen) members.push_back({*SocketAddress::parse(one), 1});
            cluster->set_members(source, members);
          }
          std::erase_if(states, [&](const auto& one) { return !listed().contains(one.first); });
          break;
        }
        case 1: {
          const std::string address = origins[below(origins.size())].text();
          const auto state = below(2) == 0 ? EndpointState::ready : EndpointState::down;
          EXPECT_EQ(cluster->set_endpoint(address, state, {}), listed().contains(address));
          if (listed().contains(address)) states[address] = state;
          break;
        }
        case 2: {
          const auto all = listed();
          const bool any = std::ranges::any_of(all, [&](const std::string& one) {
            return !states.contains(one) || states[one] == EndpointState::ready;
          });
          auto lease = co_await lease_of(*cluster, loop);
          EXPECT_EQ(lease.has_value(), any) << "step " << step;
          if (!lease) break;
          const std::string& address = lease->endpoint().address();
          EXPECT_TRUE(all.contains(address) &&
                      (!states.contains(address) || states[address] == EndpointState::ready));
          ++held[address];
          leases.push_back(std::move(*lease));
          break;
        }
        default:
          if (leases.empty()) break;
          const std::size_t which = below(leases.size());
          --held[leases[which].endpoint().address()];
          EXPECT_TRUE(leases[which].stream().is_open());
          leases[which].give_back();
          leases.erase(leases.begin() + static_cast<std::ptrdiff_t>(which));
      }
      std::set<std::string> got;
      for (const EndpointInfo& one : cluster->describe().endpoints) {
        got.insert(one.address);
        EXPECT_EQ(one.in_flight, held[one.address]) << "step " << step;
      }
      EXPECT_EQ(got, listed()) << "step " << step;
      if (testing::Test::HasFailure()) co_return;
    }
    leases.clear();
  });
  cluster->leave(0);
}

}  // namespace
}  // namespace weir::upstream
