// A gateway in process, between a client and an upstream that are both memory: one request after
// the other, each with a plan of what goes wrong, and what must hold after each.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "allocation_count.hpp"
#include "codec/h2/frames.hpp"
#include "net/loop_run.hpp"
#include "net/memory_transport.hpp"
#include "net/tls/tls_case.hpp"
#include "net/tls/tls_far.hpp"
#include "server/gateway.hpp"
#include "server/listener_edition.hpp"
#include "support/memory_upstream.hpp"
#include "weir/codec/h1/server_connection.hpp"
#include "weir/codec/h2/server_connection.hpp"
#include "weir/config/loader.hpp"
#include "weir/net/stream.hpp"
#include "weir/net/turn_taking.hpp"

namespace weir::server {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

using test::MemoryUpstream;
using test::name_of;
using test::Spoken;

// Who speaks what, and what is asked for.
struct Talk {
  Spoken client = Spoken::http1;
  Spoken upstream = Spoken::http1;
  bool tunnel = false;  // a WebSocket; otherwise a POST
  bool slow = false;    // bytes go a few at a time, both ways
  bool large = false;   // the answer does not go at once
  // TLS, with a full handshake for each connection.
  bool client_tls = false;
  bool upstream_tls = false;

  std::string name() const {
    return std::string(name_of(client)) + (client_tls ? "_tls" : "") + "_to_" +
           std::string(name_of(upstream)) + (upstream_tls ? "_tls" : "") +
           (tunnel ? "_tunnel" : "") + (slow ? "_slow" : "") + (large ? "_large" : "");
  }
};

// The client. It says its POST's content when the upstream has the request's head, or some turns
// later, and leaves when it has its answer; in a tunnel it says "bye" and leaves when it has
// "hello".
class Client {
 public:
  // `seal`: null for none.
  Client(net::Reactor& reactor, const Talk& talk, const net::Faults& faults,
         std::unique_ptr<net::FarSeal> seal = nullptr)
      : h2_(talk.client == Spoken::h2),
        tunnel_(talk.tunnel),
        far_(std::make_shared<net::FarEnd>(reactor, faults)) {
    far_->on_change = [this] { changed(); };
    if (seal) far_->speak_through(std::move(seal));
    far_->say(tunnel_ ? h2_ ? h2_connect() : std::string(h1_handshake)
                      : std::string(h2_ ? h2_head : h1_head));
  }
  ~Client() { far_->on_change = nullptr; }

  net::FarEnd& far() noexcept { return *far_; }
  void say_content() {
    if (tunnel_ || std::exchange(content_said_, true)) return;
    far_->say(h2_ ? h2_content : h1_content);
  }
  bool has_good_answer(std::string_view content) const {
    const Heard heard = this->heard();
    if (!tunnel_) return heard.status == 200 && heard.ended && heard.content == content;
    return heard.status == (h2_ ? 200 : 101) && heard.content == "hello";
  }

 private:
  struct Heard {
    int status = 0;
    std::string content;
    bool ended = false;
  };

  static constexpr std::string_view h1_head =
      "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  static constexpr std::string_view h1_content = "3\r\nabc\r\n0\r\n\r\n";
  static constexpr std::string_view h1_handshake =
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  static constexpr std::string_view h2_begin =
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
      "\0\0\0\4\0\0\0\0\0"sv;  // SETTINGS
  static constexpr std::string_view h2_head =
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
      "\0\0\0\4\0\0\0\0\0"                      // SETTINGS
      "\0\0\6\1\4\0\0\0\1\x83\x86\x84\1\1a"sv;  // HEADERS: POST http / of a
  static constexpr std::string_view h2_content =
      "\0\0\3\0\1\0\0\0\1"  // DATA, the last of stream 1
      "abc"sv;
  // An extended CONNECT (RFC 8441 section 4).
  static std::string h2_connect() {
    const auto text = [](std::string_view of) {
      return std::string(1, static_cast<char>(of.size())) + std::string(of);
    };
    std::string fields = "\2" + text("CONNECT") + "\x86\x84\1" + text("a");
    fields += '\0' + text(":protocol") + text("websocket");
    fields += '\0' + text("sec-websocket-version") + text("13");
    return std::string(h2_begin) +
           test::h2::frame(test::h2::headers, test::h2::end_headers, 1, fields);
  }

  Heard heard() const { return h2_ ? heard_in_frames() : heard_in_text(); }
  Heard heard_in_text() const {
    Heard out;
    std::string_view left = far_->heard();
    const std::size_t head = left.find("\r\n\r\n");
    if (!left.starts_with("HTTP/1.1 ") || head == left.npos) return out;
    for (const char digit : left.substr(9, 3)) out.status = out.status * 10 + (digit - '0');
    const bool chunked = left.substr(0, head).contains("chunked");
    left.remove_prefix(head + 4);
    if (!chunked) {
      out.content = left;
      out.ended = true;
      return out;
    }
    while (!out.ended) {
      const std::size_t line = left.find("\r\n");
      std::size_t size = 0;
      if (line == left.npos ||
          std::from_chars(left.data(), left.data() + line, size, 16).ec != std::errc()) {
        break;
      }
      left.remove_prefix(line + 2);
      out.content += left.substr(0, size);
      out.ended = size == 0 && left == "\r\n";
      left.remove_prefix(std::min(left.size(), size + 2));
    }
    return out;
  }
  Heard heard_in_frames() const {
    Heard out;
    std::string_view left = far_->heard();
    while (const auto frame = test::h2::take_frame(left)) {
      if (frame->type == test::h2::headers && frame->content.starts_with('\x88')) out.status = 200;
      if (frame->type == test::h2::data) out.content += frame->content;
      out.ended = out.ended || frame->ends_stream();
      if (frame->type == test::h2::rst_stream) reset_ = true;
    }
    return out;
  }

  void changed() {
    const Heard heard = this->heard();
    if (tunnel_ && heard.content == "hello" && !std::exchange(content_said_, true)) {
      far_->say(h2_ ? test::h2::frame(test::h2::data, test::h2::end_stream, 1, "bye") : "bye");
      if (!h2_) far_->finish();
    }
    const bool refused = tunnel_ && !h2_ && heard.status > 101;
    if (far_->near_finished() || refused || (h2_ && (heard.ended || reset_))) far_->finish();
  }

  const bool h2_;
  const bool tunnel_;
  const std::shared_ptr<net::FarEnd> far_;
  bool content_said_ = false;
  mutable bool reset_ = false;  // its stream was
};

// What is under way while one request is served.
struct Serving {
  net::FarEnd& client;
  net::MemoryReactor& upstreams;
  net::Stream* handshake = nullptr;               // the client's connection, before
  codec::ServerConnection* connection = nullptr;  // this; null: it is over
  bool draining = false;

  // As a worker does it.
  void drain() {
    draining = true;
    if (handshake != nullptr) handshake->nudge_reader();
    if (connection != nullptr) connection->drain();
  }
  void abort() {
    if (handshake != nullptr) handshake->reset();
    if (connection != nullptr) connection->abort();
  }
};

// What goes wrong while one request is served.
struct Plan {
  std::size_t failing_allocation = 0;   // 0: none
  std::size_t failing_allocations = 1;  // from that one on
  net::Faults client{}, upstream{};
  std::size_t step = 0;  // 0: none
  // What happens at that step.
  std::function<void(Serving&)> action{};
};

struct Served {
  bool good = false;  // the client has the whole answer
  bool met = false;   // the plan came to pass
  std::string got{};  // what the client heard
};

class GatewayCase {
 public:
  explicit GatewayCase(const Talk& talk) : talk_(talk), upstream_(talk.upstream, talk.tunnel) {
    if (talk.large) upstream_.content = std::string(60'000, 'd');
    // To make certificates takes long: not while the loop runs.
    if (talk.client_tls) tls_for(talk.client);
    if (talk.upstream_tls) {
      upstream_.make_seal = [this] { return net::TlsFar::server(*tls_for(talk_.upstream).server); };
    }
    reach_upstream();
    const config::Config config = settings();
    process_.emplace(config, std::vector<net::Loop*>{&loop()}, telemetry::LogTarget{}, 1 << 20);
    gateway_.emplace(0, *process_);
    for (std::size_t i = 0; i < snapshots_.size(); ++i) {
      auto compiled = Snapshot::compile(config, *process_, i + 1);
      EXPECT_TRUE(compiled.has_value());
      snapshots_[i] = *compiled;
    }
    process_->registry.commit(config.upstreams);
    adopt_next();
    edition_.config.name = "http";
    gateway_->add_listener(edition_.number, edition_.config.name);
    cluster_ = snapshots_[current_]->clusters().front();
    route_ = snapshots_[current_]->route(0).metrics;
  }

  net::Loop& loop() noexcept { return network_.loop(); }
  net::MemoryReactor& reactor() noexcept { return network_.reactor(); }
  Gateway& gateway() noexcept { return *gateway_; }

  // Who connects to the upstream reaches the one that answers by itself.
  void reach_upstream() {
    network_.reactor().reach = [this](const SocketAddress&) {
      return upstream_.connection(network_.reactor());
    };
  }
  // Of a connection of client `n`, which has an address of its own.
  ConnectionInfo client_info(std::uint8_t n) {
    ConnectionInfo out;
    out.loop = &loop();
    out.listener = edition_.number;
    out.listener_name = edition_.config.name;
    out.settings = &edition_;
    out.peer = SocketAddress(IpAddress::v4({198, 51, 100, n}), 1000);
    return out;
  }

  // As after a reload: new requests see the other one of two snapshots.
  void adopt_next() {
    current_ = 1 - current_;
    gateway_->adopt(snapshots_[current_]);
  }

  Task<Served> serve(const Plan& plan) {
    static const config::Limits limits;
    const ConnectionInfo info = client_info(1);
    upstream_.faults = slowed(plan.upstream);
    Client client(network_.reactor(), talk_, slowed(plan.client),
                  talk_.client_tls ? net::TlsFar::client(*tls_for(talk_.client).client) : nullptr);
    upstream_.on_head = [&client] { client.say_content(); };
    const auto make = talk_.client == Spoken::h2 ? codec::h2::make_server_connection
                                                 : codec::h1::make_server_connection;
    auto stream = std::make_unique<net::Stream>(loop(), client.far().near());
    std::unique_ptr<codec::ServerConnection> connection;
    if (!talk_.client_tls) connection = make(std::move(stream), info, limits, *gateway_);
    Serving serving{client.far(), network_.reactor(), stream.get(), connection.get()};
    net::Waiter served(loop());
    net::TaskGroup group(loop());
    const auto run = [&]() -> Task<> {
      try {
        if (stream) {
          const bool secured = co_await this->secured(*stream);
          serving.handshake = nullptr;
          if (secured) connection = make(std::move(stream), info, limits, *gateway_);
          serving.connection = connection.get();
          if (connection && serving.draining) connection->drain();
        }
        if (connection) co_await connection->run();
      } catch (const std::bad_alloc&) {
      }
      serving.handshake = nullptr;
      serving.connection = nullptr;
      stream.reset();
      connection.reset();
      served.notify();
    };
    net::AtStep at(loop(), plan.step, [&] { plan.action(serving); });
    // Longer than an undisturbed request takes to reach the upstream.
    net::AtStep late(loop(), 40, [&client] { client.say_content(); });
    Task<> running = run();
    const std::size_t failed_before = failed_allocations();
    bool begun = true;
    fail_allocation(plan.failing_allocation, plan.failing_allocations);
    try {
      group.spawn(std::move(running));
    } catch (const std::bad_alloc&) {
      begun = false;
    }
    if (begun) co_await served.wait(loop().now() + 10s);
    fail_allocation(0);
    at.stop();
    late.stop();
    co_await at.ended();
    co_await late.ended();
    EXPECT_EQ(group.size(), 0u) << "still served; the client has: " << client.far().heard();
    serving.connection = nullptr;
    connection.reset();
    upstream_.on_head = nullptr;
    Served out{.good = client.has_good_answer(upstream_.content),
               .got = client.far().heard().substr(0, 1000)};
    out.met = failed_allocations() != failed_before || at.done() || client.far().fired();
    for (const auto& far : network_.reactor().reached) out.met = out.met || far->fired();
    co_return out;
  }

  // Nothing of the requests so far is left: no permit, no gauge, no pin. What is idle goes.
  Task<> expect_nothing_left() {
    const upstream::ClusterInfo left = cluster_->describe();
    EXPECT_EQ(left.endpoints.front().in_flight, 0u);
    EXPECT_EQ(left.endpoints.front().tunnels, 0u);
    EXPECT_EQ(left.pending, 0u);
    EXPECT_EQ(route_->shard(0).in_flight.value(), 0);
    EXPECT_EQ(route_->shard(0).tunnels.value(), 0);
    const std::shared_ptr<const Snapshot>& before = snapshots_[current_];
    adopt_next();
    EXPECT_EQ(before.use_count(), 1) << "pinned for ever";
    EXPECT_EQ(snapshots_[current_].use_count(), 2) << "pinned for ever";
    auto reached = std::exchange(network_.reactor().reached, {});
    for (const auto& far : reached) far->finish();
    const auto all_closed = [&] {
      return std::ranges::all_of(reached, [](const auto& far) { return far->near_closed(); });
    };
    const TimePoint end = loop().now() + 5s;
    net::TurnTaking turns(loop());
    while (!all_closed() && loop().now() < end) co_await turns.yield();
    const bool closed = all_closed();
    EXPECT_TRUE(closed) << "a connection to the upstream is left";
  }

  // Ends the worker's part; the last call.
  void leave() { cluster_->leave(0); }

 private:
  // Both ends' certificates and settings of who speaks so; made once a process.
  static net::TlsPair& tls_for(Spoken spoken) {
    static net::TlsPair http1;
    static net::TlsPair h2{"h2"};
    return spoken == Spoken::h2 ? h2 : http1;
  }
  // As a worker does it.
  Task<bool> secured(net::Stream& stream) {
    stream.start_tls(tls_for(talk_.client).server->accept(loop().buffers()));
    const net::Io done = co_await stream.handshake(loop().now() + 10s);
    EXPECT_NE(done, net::Io::timeout);
    co_return done == net::Io::ok;
  }
  config::Config settings() const {
    // A connect that failed, as a handshake can, would be tried again after a time.
    const std::string_view retry = talk_.upstream_tls ? ", retry: off" : "";
    const std::string tls =
        talk_.upstream_tls
            ? "    tls: {server_name: one.example, ca: " + net::tls_folder() + "/one.crt}\n"
            : std::string();
    auto loaded = config::load_text(R"(
version: 1
server: {workers: 1}
access_log: {path: "off"}
admin: "off"
listeners: [{name: http, bind: "127.0.0.1:0"}]
middleware:
  few: {concurrency_limit: {limit: 2}}
routes:
  - {name: all, match: {path_prefix: /}, upstream: a, middleware: [few], upgrades: [websocket])" +
                                    std::string(retry) + R"(}
upstreams:
  a:
    endpoints: [{address: "192.0.2.1:80"}]
    pool: {in_flight: 1, client_share: 100%}
    protocol: )" + std::string(name_of(talk_.upstream)) +
                                    "\n" + tls);
    EXPECT_TRUE(loaded);
    return std::move(loaded->config);
  }
  net::Faults slowed(net::Faults faults) const {
    // A handshake has many bytes.
    const bool is_sealed = talk_.client_tls || talk_.upstream_tls;
    if (talk_.slow) faults.most_received = faults.most_sent = is_sealed ? 200 : 16;
    if (talk_.large) faults.most_received = 9000, faults.most_sent = 5000;
    return faults;
  }

  const Talk talk_;
  MemoryUpstream upstream_;
  net::MemoryLoop network_;
  std::optional<Process> process_;
  ListenerEdition edition_;
  std::optional<Gateway> gateway_;
  std::array<std::shared_ptr<const Snapshot>, 2> snapshots_;
  std::size_t current_ = 1;  // of them
  std::shared_ptr<upstream::Cluster> cluster_;
  std::shared_ptr<telemetry::RouteMetrics> route_;
};

}  // namespace weir::server
