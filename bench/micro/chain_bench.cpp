// What the onion costs: the handler alone, through an empty chain, and through five layers that do
// nothing.
#include <benchmark/benchmark.h>

#include <memory>
#include <utility>
#include <vector>

#include "weir/middleware/chain.hpp"
#include "weir/net/task_group.hpp"

namespace weir {
namespace {

class Answering final : public Handler {
 public:
  Task<Response> handle(Request&, Exchange&) override { co_return Response{}; }
};

class Passing final : public Middleware {
 public:
  Task<Response> handle(Request& request, Exchange& exchange, Next next) override {
    co_return co_await next(request, exchange);
  }
};

Task<> run(benchmark::State& state, const Chain* chain) {
  const ConnectionInfo connection;
  Exchange exchange(connection, TimePoint{});
  Request request;
  Answering last;
  for (auto _ : state) {
    // Named first: g++ 12 destroys the task of a conditional expression twice.
    auto answer =
        chain != nullptr ? chain->handle(request, exchange, last) : last.handle(request, exchange);
    Response response = co_await std::move(answer);
    benchmark::DoNotOptimize(response);
  }
}

void spawn_and_run(benchmark::State& state, const Chain* chain) {
  net::Loop loop;
  net::TaskGroup tasks(loop);
  tasks.spawn(run(state, chain));
}

void bench_handler(benchmark::State& state) { spawn_and_run(state, nullptr); }

void bench_chain(benchmark::State& state) {
  std::vector<std::shared_ptr<Middleware>> layers;
  for (auto i = state.range(0); i > 0; --i) layers.push_back(std::make_shared<Passing>());
  const Chain chain(std::move(layers));
  spawn_and_run(state, &chain);
}

BENCHMARK(bench_handler);
BENCHMARK(bench_chain)->Arg(0)->Arg(1)->Arg(5);

}  // namespace
}  // namespace weir
