// One request through the gateway, with something going wrong at each place in turn: at each point
// where a coroutine waits, at each call for its bytes, and behind each byte. Whatever becomes of
// it, no permit, pin or gauge is left, and the next request is answered.
#include "server/gateway.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>

#include "server/gateway_case.hpp"
#include "support/place.hpp"

namespace weir::server {
namespace {

// What goes wrong at place `n` of a request, from 1.
struct Fault {
  std::string name;
  bool harmless = false;  // the answer is good all the same
  std::function<Plan(std::size_t n)> plan;
};

Fault at_step(std::string name, bool harmless, std::function<void(Serving&)> action) {
  return {std::move(name), harmless, [action = std::move(action)](std::size_t n) {
            return Plan{.step = n, .action = action};
          }};
}

const std::vector<Fault>& faults() {
  static const std::vector<Fault> all{
      at_step("client_resets", false, [](Serving& serving) { serving.client.reset(); }),
      at_step("client_ends", false, [](Serving& serving) { serving.client.finish(); }),
      at_step("upstream_resets", false,
              [](Serving& serving) {
                for (const auto& far : serving.upstreams.reached) far->reset();
              }),
      at_step("upstream_ends", false,
              [](Serving& serving) {
                for (const auto& far : serving.upstreams.reached) far->finish();
              }),
      at_step("drain", true, [](Serving& serving) { serving.drain(); }),
      at_step("abort", false, [](Serving& serving) { serving.abort(); }),
      {"EAGAIN_at_the_client", true, [](std::size_t n) { return Plan{.client = {.again_at = n}}; }},
      {"EAGAIN_at_the_upstream", true,
       [](std::size_t n) { return Plan{.upstream = {.again_at = n}}; }},
      {"client_ends_behind_byte", false,
       [](std::size_t n) { return Plan{.client = {.end_after = n - 1}}; }},
      {"client_resets_behind_byte", false,
       [](std::size_t n) { return Plan{.client = {.reset_after = n - 1}}; }},
      {"client_resets_behind_byte_sent", false,
       [](std::size_t n) { return Plan{.client = {.reset_after_sent = n - 1}}; }},
      {"upstream_ends_behind_byte", false,
       [](std::size_t n) { return Plan{.upstream = {.end_after = n - 1}}; }},
      {"upstream_resets_behind_byte", false,
       [](std::size_t n) { return Plan{.upstream = {.reset_after = n - 1}}; }},
      {"upstream_resets_behind_byte_sent", false,
       [](std::size_t n) { return Plan{.upstream = {.reset_after_sent = n - 1}}; }},
  };
  return all;
}

struct FaultAt {
  Talk talk;
  std::size_t fault;  // index
};

void PrintTo(const FaultAt& row, std::ostream* out) { *out << faults()[row.fault].name; }

// Each fault of a POST; those of the loop's steps also of tunnels, and where bytes go a few at a
// time, which has more steps.
std::vector<FaultAt> all_faults(bool of_steps_alone) {
  std::vector<FaultAt> out;
  for (const Spoken client : {Spoken::http1, Spoken::h2}) {
    for (const Spoken upstream : {Spoken::http1, Spoken::h2}) {
      for (std::size_t fault = 0; fault < faults().size(); ++fault) {
        const bool is_step = faults()[fault].plan(1).step != 0;
        if (is_step || !of_steps_alone) out.push_back({{client, upstream, false, false}, fault});
        if (!is_step) continue;
        out.push_back({{client, upstream, true, false}, fault});
        if (of_steps_alone) continue;
        out.push_back({{client, upstream, false, true}, fault});
        out.push_back({{client, upstream, false, false, true}, fault});
      }
    }
  }
  return out;
}

// Each fault of a POST where both sides are under TLS. What goes wrong at a byte or a call of one
// side needs that side's alone.
std::vector<FaultAt> all_faults_under_tls() {
  std::vector<FaultAt> out;
  for (const Spoken spoken : {Spoken::http1, Spoken::h2}) {
    for (std::size_t fault = 0; fault < faults().size(); ++fault) {
      const Plan plan = faults()[fault].plan(1);
      const bool is_step = plan.step != 0;
      const bool is_clients = plan.client != net::Faults();
      const bool is_upstreams = plan.upstream != net::Faults();
      out.push_back({{.client = spoken,
                      .upstream = spoken,
                      .slow = is_step,
                      .client_tls = !is_upstreams,
                      .upstream_tls = !is_clients},
                     fault});
    }
  }
  return out;
}

class GatewayFaults : public testing::TestWithParam<FaultAt> {};

TEST_P(GatewayFaults, NothingIsLeftWhereverItHappens) {
  const auto& [talk, index] = GetParam();
  const Fault& fault = faults()[index];
  std::size_t n = 0;
  for (bool met = true; met && n < 4000 && !HasFailure();) {
    // A loop's time is bounded.
    constexpr std::size_t most_on_a_loop = 50;
    const std::size_t last = n + most_on_a_loop;
    GatewayCase gateway(talk);
    net::run_on(gateway.loop(), [&]() -> Task<> {
      while (met && n < last && !testing::Test::HasFailure()) {
        const test::Place place(__FILE__, __LINE__,
                                talk.name() + " " + fault.name + " " + std::to_string(++n));
        const Plan plan = fault.plan(n);
        const Served served = co_await gateway.serve(plan);
        met = served.met;
        EXPECT_TRUE(served.good || (met && !fault.harmless)) << served.got;
        co_await gateway.expect_nothing_left();
      }
      const Served next = co_await gateway.serve({});
      EXPECT_TRUE(next.good) << next.got;
      gateway.leave();
    });
  }
  EXPECT_GT(n, 2u);
  EXPECT_LT(n, 4000u);
}

class GatewayFaultsLater : public testing::TestWithParam<FaultAt> {};

// Of a request that may take the upstream connection of one before it.
TEST_P(GatewayFaultsLater, NothingIsLeftOnAReusedConnection) {
  const auto& [talk, index] = GetParam();
  const Fault& fault = faults()[index];
  GatewayCase gateway(talk);
  std::size_t n = 0;
  net::run_on(gateway.loop(), [&]() -> Task<> {
    for (bool met = true; met && n < 2000 && !testing::Test::HasFailure();) {
      const test::Place place(__FILE__, __LINE__,
                              talk.name() + " " + fault.name + " " + std::to_string(++n));
      const Served first = co_await gateway.serve({});
      EXPECT_TRUE(first.good) << first.got;
      const Plan plan = fault.plan(n);
      const Served served = co_await gateway.serve(plan);
      met = served.met;
      EXPECT_TRUE(served.good || (met && !fault.harmless)) << served.got;
      co_await gateway.expect_nothing_left();
    }
    gateway.leave();
  });
  EXPECT_LT(n, 2000u);
}

std::string name_of_row(const testing::TestParamInfo<FaultAt>& of) {
  return of.param.talk.name() + "_" + faults()[of.param.fault].name;
}
INSTANTIATE_TEST_SUITE_P(All, GatewayFaults, testing::ValuesIn(all_faults(false)), name_of_row);
INSTANTIATE_TEST_SUITE_P(Tls, GatewayFaults, testing::ValuesIn(all_faults_under_tls()),
                         name_of_row);
INSTANTIATE_TEST_SUITE_P(All, GatewayFaultsLater, testing::ValuesIn(all_faults(true)), name_of_row);

// A call moves one byte.
class GatewayByteByByte : public testing::TestWithParam<Spoken> {};

TEST_P(GatewayByteByByte, TheAnswerIsGood) {
  for (const Spoken upstream : {Spoken::http1, Spoken::h2}) {
    for (const bool tls : {false, true}) {
      GatewayCase gateway(
          Talk{.client = GetParam(), .upstream = upstream, .client_tls = tls, .upstream_tls = tls});
      net::run_on(gateway.loop(), [&]() -> Task<> {
        const net::Faults short_calls{.most_received = 1, .most_sent = 1};
        const Plan plan{.client = short_calls, .upstream = short_calls};
        const Served served = co_await gateway.serve(plan);
        EXPECT_TRUE(served.good) << served.got;
        co_await gateway.expect_nothing_left();
        gateway.leave();
      });
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Both, GatewayByteByByte, testing::Values(Spoken::http1, Spoken::h2),
                         [](const auto& of) { return std::string(name_of(of.param)); });

}  // namespace
}  // namespace weir::server
