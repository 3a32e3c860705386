// A request from its first byte to its answer's last one, with each of its allocations failing
// once: whatever becomes of it, nothing that it held is lost.
#include <gtest/gtest.h>

#include <atomic>
#include <new>
#include <string>
#include <string_view>
#include <thread>

#include "allocation_count.hpp"
#include "net/loop_run.hpp"
#include "net/sockets.hpp"
#include "server/gateway.hpp"
#include "weir/codec/h1/server_connection.hpp"
#include "weir/codec/h2/server_connection.hpp"
#include "weir/config/loader.hpp"

namespace weir::server {
namespace {

using namespace std::chrono_literals;

// Answers each connection's one request when its content has come.
class Backend {
 public:
  Backend() : thread_([this] { serve(); }) {}
  ~Backend() {
    stopping_ = true;
    const net::Socket last(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage storage;
    const socklen_t size = origin_.address().to_sockaddr(storage);
    ::connect(last.fd(), reinterpret_cast<const sockaddr*>(&storage), size);
    thread_.join();
  }
  std::string address() const { return origin_.text(); }

 private:
  void serve() const {
    while (true) {
      const net::Socket connection = origin_.accept();
      if (stopping_) return;
      std::string came;
      while (!came.ends_with("0\r\n\r\n")) {
        const std::string more = connection.receive();
        if (more.empty() || more.front() == '(') break;
        came += more;
      }
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone");
    }
  }

  net::Origin origin_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

config::Config config_for(const std::string& backend) {
  auto loaded = config::load_text(R"(
version: 1
server: {workers: 1}
access_log: {path: "off"}
admin: "off"
listeners: [{name: http, bind: "127.0.0.1:0"}]
middleware:
  one: {concurrency_limit: {limit: 1}}
routes:
  - {name: all, match: {path_prefix: /}, upstream: a, middleware: [one]}
upstreams:
  a: {endpoints: [{address: ")" + backend +
                                  R"("}]}
)");
  EXPECT_TRUE(loaded);
  return std::move(loaded->config);
}

// How a client asks, and the beginning of the answer that it is to get.
struct Protocol {
  std::string_view name;
  std::string_view head, content, good;
  std::unique_ptr<codec::ServerConnection> (*make)(std::unique_ptr<net::Stream>,
                                                   const ConnectionInfo&, const config::Limits&,
                                                   ServerHandler&);
  bool (*ended)(std::string_view got);  // the answer, though the connection is open
};

using namespace std::string_view_literals;

// Whether stream 1 has ended, or the connection says GOAWAY.
bool h2_ended(std::string_view got) {
  while (got.size() >= 9) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(got[i]); };
    const std::size_t size = std::size_t{byte(0)} << 16 | std::size_t{byte(1)} << 8 | byte(2);
    if (got.size() < 9 + size) return false;
    const unsigned type = byte(3);
    const bool last = (type == 0 || type == 1) && (byte(4) & 1) != 0;
    if (last || type == 3 || type == 7) return true;
    got.remove_prefix(9 + size);
  }
  return false;
}

constexpr Protocol h1{
    "http1",
    "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"sv,
    "3\r\nabc\r\n0\r\n\r\n"sv,
    "HTTP/1.1 200"sv,
    codec::h1::make_server_connection,
    [](std::string_view) { return false; },
};

constexpr Protocol h2{
    "h2",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    "\0\0\0\4\0\0\0\0\0"                      // SETTINGS
    "\0\0\6\1\4\0\0\0\1\x83\x86\x84\1\1a"sv,  // HEADERS: POST http / of a
    "\0\0\3\0\1\0\0\0\1"                      // DATA, the last of stream 1
    "abc"sv,
    "\1\4\0\0\0\1\x88"sv,  // HEADERS that begin with :status 200
    codec::h2::make_server_connection,
    h2_ended,
};

// What a client reads that sends its content in two parts; "" when it was closed unanswered.
std::string ask(const net::Socket& socket, const Protocol& protocol) {
  socket.send(std::string(protocol.head));
  std::this_thread::sleep_for(2ms);
  socket.send(std::string(protocol.content));
  std::string got;
  while (!protocol.ended(got)) {
    const std::string more = socket.receive();
    if (more.empty()) break;
    got += more;
    if (more.front() == '(') break;  // nothing came
  }
  return got;
}

// Serves one connection, whose `n`th allocation fails; 0: none. Returns what the client read.
Task<std::string> serve_one(net::Loop& loop, Gateway& gateway, const Protocol& protocol,
                            std::size_t n) {
  static const config::Limits limits;
  ConnectionInfo info;
  info.loop = &loop;
  info.listener_name = "http";
  auto [near, far] = net::socket_pair();
  std::string got;
  // Closes its end when it has its answer.
  std::thread client([&got, &protocol, socket = std::move(far)]() mutable {
    const net::Socket own = std::move(socket);
    got = ask(own, protocol);
  });
  auto connection = protocol.make(std::make_unique<net::Stream>(loop, Descriptor(near.release())),
                                  info, limits, gateway);
  net::Waiter served(loop);
  net::TaskGroup group(loop);
  const auto run = [&]() -> Task<> {
    try {
      co_await connection->run();
    } catch (const std::bad_alloc&) {
    }
    connection.reset();
    served.notify();
  };
  Task<> running = run();
  bool begun = true;
  fail_allocation(n);
  try {
    group.spawn(std::move(running));
  } catch (const std::bad_alloc&) {
    begun = false;
  }
  if (begun) co_await served.wait(loop.now() + 10s);
  fail_allocation(0);
  EXPECT_EQ(group.size(), 0u) << "still served";
  connection.reset();
  client.join();
  co_return got;
}

// False when the request needs fewer than `n` allocations.
bool survives(const Backend& backend, const Protocol& protocol, std::size_t n) {
  SCOPED_TRACE(std::string(protocol.name) + ", allocation " + std::to_string(n));
  net::Loop loop;
  const config::Config config = config_for(backend.address());
  Process process(config, {&loop}, {}, 1 << 20);
  auto first = Snapshot::compile(config, process, 1);
  auto second = Snapshot::compile(config, process, 2);
  EXPECT_TRUE(first && second);
  process.registry.commit(config.upstreams);
  const std::weak_ptr<const Snapshot> watched = *first;
  const auto cluster = (*first)->clusters().front();
  const auto route = (*first)->route(0).metrics;
  bool failed = false;
  {
    Gateway gateway(0, process);
    gateway.adopt(std::move(*first));
    const std::size_t before = failed_allocations();
    net::run_on(loop, [&]() -> Task<> {
      const std::string answer = co_await serve_one(loop, gateway, protocol, n);
      failed = failed_allocations() != before;
      EXPECT_TRUE(failed || answer.contains(protocol.good)) << answer;
      EXPECT_FALSE(answer.contains("(nothing came)")) << "left waiting: " << answer;
      EXPECT_EQ(cluster->describe().endpoints.front().in_flight, 0u);
      EXPECT_EQ(route->shard(0).in_flight.value(), 0);
      gateway.adopt(std::move(*second));
      EXPECT_TRUE(watched.expired()) << "pinned for ever";
      const std::string next = co_await serve_one(loop, gateway, protocol, 0);
      EXPECT_TRUE(next.contains(protocol.good)) << next;
      cluster->leave(0);
    });
  }
  return failed;
}

class OutOfMemory : public testing::TestWithParam<Protocol> {};

TEST_P(OutOfMemory, ARequestLosesNothingWhicheverAllocationFails) {
  if (!counts_allocations()) GTEST_SKIP() << "a sanitizer has its own operator new";
  const Backend backend;
  std::size_t n = 1;
  bool failed = true;
  while (failed && n < 2000) {
    // A thread of its own has no blocks from before.
    std::thread thread([&] { failed = survives(backend, GetParam(), n); });
    thread.join();
    if (HasFailure()) break;
    ++n;
  }
  EXPECT_GT(n, 20u);
  EXPECT_LT(n, 2000u);
}

INSTANTIATE_TEST_SUITE_P(Both, OutOfMemory, testing::Values(h1, h2),
                         [](const auto& of) { return std::string(of.param.name); });

}  // namespace
}  // namespace weir::server
