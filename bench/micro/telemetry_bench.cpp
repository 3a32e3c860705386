// What a request pays for being seen: its counters, its histograms and its line.
#include <benchmark/benchmark.h>

#include "telemetry/access_line.hpp"
#include "telemetry/byte_ring.hpp"
#include "weir/telemetry/access_log.hpp"
#include "weir/telemetry/metrics.hpp"

namespace {

using namespace weir;
using namespace weir::telemetry;
using namespace std::chrono_literals;

AccessRecord typical(const SocketAddress& peer) {
  AccessRecord record;
  record.started = Clock::now();
  record.request_id = "3f6d1c2e-5b7a-4c8d-9e0f-112233445566";
  record.listener = "http";
  record.protocol = "HTTP/1.1";
  record.client_ip = peer.ip();
  record.peer = &peer;
  record.method = "GET";
  record.host = "api.example.com";
  record.path = "/orders/1234567";
  record.query = "page=2&size=50";
  record.status = 200;
  record.route = "orders";
  record.upstream = "orders-v1";
  record.endpoint = "10.0.0.1:8080";
  record.attempts = 1;
  record.duration = 1'234'567ns;
  record.head = 1'134'567ns;
  record.bytes_out = 1234;
  record.user_agent =
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari";
  return record;
}

void count_a_request(benchmark::State& state) {
  Metrics metrics(1, "bench", "epoll");
  const auto route = metrics.route("orders");
  Duration duration = 1ms;
  for (auto _ : state) {
    RouteShard& shard = route->shard(0);
    shard.count(Method::get, 200, Reason::none);
    shard.duration.observe(duration);
    benchmark::DoNotOptimize(duration);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(count_a_request);

void format_an_access_line(benchmark::State& state) {
  const SocketAddress peer(IpAddress::v4({192, 0, 2, 17}), 50123);
  AccessRecord record = typical(peer);
  AccessLine line;
  const AccessPolicy policy;
  const auto time = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  std::string out(AccessLine::longest, ' ');
  for (auto _ : state) {
    benchmark::DoNotOptimize(record);
    benchmark::DoNotOptimize(line.write(out.data(), time, record, policy));
  }
}
BENCHMARK(format_an_access_line);

// The same into the worker's ring, with the writer's part done on the spot.
void queue_an_access_line(benchmark::State& state) {
  const SocketAddress peer(IpAddress::v4({192, 0, 2, 17}), 50123);
  AccessRecord record = typical(peer);
  AccessLine line;
  ByteRing ring(AccessLog::default_ring_size, AccessLine::longest);
  const AccessPolicy policy;
  const auto time = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  for (auto _ : state) {
    benchmark::DoNotOptimize(record);
    char* const at = ring.reserve();
    ring.commit(static_cast<std::size_t>(line.write(at, time, record, policy) - at));
    if (ring.half_full()) ring.release(ring.readable().size());
  }
}
BENCHMARK(queue_an_access_line);

}  // namespace
