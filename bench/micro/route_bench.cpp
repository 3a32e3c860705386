// Route match: 10, 1,000 and 10,000 routes over 200 hosts (40 % prefix, 30 % parameters, 25 %
// exact, 5 % regex), 100,000 requests of a seeded list, 20 % of them misses. Each match is timed on
// its own; the cost of reading the clock is taken off.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "weir/route/route_table.hpp"

namespace weir::route {
namespace {

constexpr std::size_t request_count = 100'000;
constexpr std::size_t host_count = 200;

struct Wanted {
  std::string host;
  std::string path;
};

class Workload {
 public:
  explicit Workload(std::size_t route_count) {
    routes_.resize(route_count);
    for (std::size_t i = 0; i < route_count; ++i) make_route(i);
    listeners_.resize(1);
    for (std::size_t i = 0; i < request_count; ++i) make_request();
  }

  const std::vector<config::Route>& routes() const { return routes_; }
  const std::vector<config::Listener>& listeners() const { return listeners_; }
  const std::vector<Wanted>& requests() const { return requests_; }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  std::string number() { return std::to_string(below(1'000'000)); }

  void make_route(std::size_t i) {
    config::Match& match = routes_[i].match;
    match.hosts = {"service-" + std::to_string(i % host_count) + ".example.com"};
    const std::string service = "/api/v" + std::to_string(i % 3) + "/item" + std::to_string(i);
    const std::size_t share = below(100);
    if (share < 40) {
      match.path_kind = config::PathKind::prefix;
      match.path = service;
    } else if (share < 70) {
      match.path_kind = config::PathKind::exact;
      match.path = service + "/{id}/orders/{order}";
      match.path_params = {"id", "order"};
    } else if (share < 95) {
      match.path_kind = config::PathKind::exact;
      match.path = service + "/list";
    } else {
      match.path_kind = config::PathKind::regex;
      match.path = service + "/[0-9]+/(photo|video)s?";
    }
  }

  void make_request() {
    const std::size_t chosen = below(routes_.size());
    const config::Match& match = routes_[chosen].match;
    Wanted request{match.hosts[0], match.path};
    if (below(5) == 0) {
      if (below(4) == 0) {
        request.host = "unknown-" + number() + ".example.com";
      } else {
        request.path = "/api/v1/nothing" + number() + "/here";
      }
    } else if (match.path_kind == config::PathKind::prefix) {
      request.path += "/reports/" + number();
    } else if (match.path_kind == config::PathKind::regex) {
      request.path = request.path.substr(0, request.path.find('[')) + number() + "/photos";
    } else if (!match.path_params.empty()) {
      request.path =
          request.path.substr(0, request.path.find('{')) + number() + "/orders/" + number();
    }
    requests_.push_back(std::move(request));
  }

  std::mt19937_64 random_{42};
  std::vector<config::Route> routes_;
  std::vector<config::Listener> listeners_;
  std::vector<Wanted> requests_;
};

using Clock = std::chrono::steady_clock;

double nanoseconds(Clock::duration time) {
  return std::chrono::duration<double, std::nano>(time).count();
}

double clock_cost() {
  std::vector<double> costs(10'001);
  for (double& cost : costs) {
    const auto start = Clock::now();
    cost = nanoseconds(Clock::now() - start);
  }
  std::ranges::nth_element(costs, costs.begin() + 5'000);
  return costs[5'000];
}

void route_match(benchmark::State& state) {
  const Workload workload(static_cast<std::size_t>(state.range(0)));
  const auto table = RouteTable::compile(workload.routes(), workload.listeners(),
                                         std::vector<bool>(workload.routes().size()));
  if (!table) {
    state.SkipWithError("the table does not compile");
    return;
  }
  const HeaderMap headers;
  const double overhead = clock_cost();
  std::vector<double> times;
  std::size_t matched = 0;
  std::size_t asked = 0;
  for (auto _ : state) {
    for (const Wanted& request : workload.requests()) {
      const Query query{.host = request.host,
                        .path = request.path,
                        .method = Method::get,
                        .method_text = "GET",
                        .headers = headers,
                        .query = {}};
      Match match;
      const auto start = Clock::now();
      matched += table->match(query, match) ? 1 : 0;
      const auto end = Clock::now();
      benchmark::DoNotOptimize(match);
      times.push_back(nanoseconds(end - start) - overhead);
    }
    asked += workload.requests().size();
  }
  std::ranges::sort(times);
  const auto quantile = [&times](double share) {
    return times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))];
  };
  state.SetItemsProcessed(static_cast<std::int64_t>(asked));
  state.counters["p50_ns"] = quantile(0.5);
  state.counters["p99_ns"] = quantile(0.99);
  state.counters["matched"] = static_cast<double>(matched) / static_cast<double>(asked);
}
BENCHMARK(route_match)
    ->Arg(10)
    ->Arg(1'000)
    ->Arg(10'000)
    ->Iterations(10)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir::route
