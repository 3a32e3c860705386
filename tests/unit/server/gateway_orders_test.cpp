// Requests through a gateway with all that can befall them in every order: what the client and the
// upstream say or do, a reload, a drain, the end of a drain. Whatever the order, the connection
// ends when both have left, and no permit, pin or gauge is left.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "codec/h2/frames.hpp"
#include "server/gateway_case.hpp"
#include "support/every_order.hpp"
#include "support/place.hpp"

namespace weir::server {
namespace gateway_orders {
namespace {

namespace wire = test::h2;

// Two clients' connections, each with one request, to an upstream that says what the test says.
class Scene {
 public:
  Scene(GatewayCase& on, const Talk& talk) : gateway(on), talk_(talk) {
    on.reactor().reach = [this](const SocketAddress&) {
      const auto far = std::make_shared<net::FarEnd>(gateway.reactor());
      if (talk_.upstream == Spoken::h2) far->say(wire::frame(wire::settings, 0, 0));
      if (!early_.empty()) far->say(std::exchange(early_, {}));
      return far;
    };
    for (auto& client : clients) {
      client = std::make_shared<net::FarEnd>(on.reactor());
      if (talk.client == Spoken::h2) {
        client->say(std::string(wire::preface) + wire::frame(wire::settings, 0, 0));
      }
    }
  }
  ~Scene() { gateway.reach_upstream(); }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  void client_says(std::size_t i, const std::string& http1, const std::string& h2) {
    clients[i]->say(talk_.client == Spoken::h2 ? h2 : http1);
  }
  // On the connection that came last, or the one to come.
  void upstream_says(const std::string& http1, const std::string& h2) {
    const std::string& bytes = talk_.upstream == Spoken::h2 ? h2 : http1;
    if (upstream() != nullptr) return upstream()->say(bytes);
    early_ += bytes;
  }
  net::FarEnd* upstream() const noexcept {
    const auto& reached = gateway.reactor().reached;
    return reached.empty() ? nullptr : reached.back().get();
  }

  GatewayCase& gateway;
  std::array<std::shared_ptr<net::FarEnd>, 2> clients;
  std::array<std::unique_ptr<codec::ServerConnection>, 2> connections;

 private:
  const Talk talk_;
  std::string early_;
};

struct Event {
  std::string name;
  std::function<void(Scene&)> happen;
};

Event client_says(std::string name, std::string http1, std::string h2, std::size_t client = 0) {
  return {std::move(name), [=](Scene& scene) { scene.client_says(client, http1, h2); }};
}
Event upstream_says(std::string name, std::string http1, std::string h2) {
  return {std::move(name), [=](Scene& scene) { scene.upstream_says(http1, h2); }};
}
Event upstream_does(std::string name, std::function<void(net::FarEnd&)> what) {
  return {std::move(name), [=](Scene& scene) {
            if (scene.upstream() != nullptr) what(*scene.upstream());
          }};
}

const std::string h1_post = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const std::string h2_post =
    wire::frame(wire::headers, wire::end_headers, 1, std::string("\x83\x86\x84\1\1a", 6));

const Event asks = client_says("asks", h1_post, h2_post);
const Event other_asks =
    client_says("other_asks", "GET /other HTTP/1.1\r\nHost: a\r\n\r\n",
                wire::frame(wire::headers, wire::end_headers | wire::end_stream, 1,
                            std::string("\x82\x86\x84\1\1a", 6)),
                1);
const Event asks_again =
    client_says("asks_again", "GET /again HTTP/1.1\r\nHost: a\r\n\r\n",
                wire::frame(wire::headers, wire::end_headers | wire::end_stream, 3,
                            std::string("\x82\x86\x84\1\1a", 6)));
const Event content = client_says("content", "3\r\nabc\r\n", wire::frame(wire::data, 0, 1, "abc"));
const Event content_ends =
    client_says("content_ends", "0\r\n\r\n", wire::frame(wire::data, wire::end_stream, 1));
const Event gives_up = {"gives_up", [](Scene& scene) {
                          scene.client_says(0, "",
                                            wire::frame(wire::rst_stream, 0, 1, wire::number(8)));
                        }};
const Event client_ends = {"client_FIN", [](Scene& scene) { scene.clients[0]->finish(); }};
const Event client_resets = {"client_RST", [](Scene& scene) { scene.clients[0]->reset(); }};
const Event client_stalls = {"client_stalls", [](Scene& scene) { scene.clients[0]->stall(); }};
const Event head = upstream_says("head", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n",
                                 wire::frame(wire::headers, wire::end_headers, 1, "\x88"));
const Event answer = upstream_says("answer", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone",
                                   wire::frame(wire::headers, wire::end_headers, 1, "\x88") +
                                       wire::frame(wire::data, wire::end_stream, 1, "done"));
const Event half = upstream_says("half", "do", wire::frame(wire::data, 0, 1, "do"));
const Event rest = upstream_says("rest", "ne", wire::frame(wire::data, wire::end_stream, 1, "ne"));
const Event refused =
    upstream_says("refused", "", wire::frame(wire::rst_stream, 0, 1, wire::number(7)));
const Event upstream_ends = upstream_does("upstream_FIN", [](net::FarEnd& far) { far.finish(); });
const Event upstream_resets = upstream_does("upstream_RST", [](net::FarEnd& far) { far.reset(); });
const Event upstream_stalls =
    upstream_does("upstream_stalls", [](net::FarEnd& far) { far.stall(); });
const Event reloaded = {"reload", [](Scene& scene) { scene.gateway.adopt_next(); }};
const Event drained = {"drain", [](Scene& scene) {
                         for (const auto& one : scene.connections) one->drain();
                       }};
const Event undrained = {"undrain", [](Scene& scene) {
                           for (const auto& one : scene.connections) one->undrain();
                         }};
const Event aborted = {"abort", [](Scene& scene) {
                         for (const auto& one : scene.connections) one->abort();
                       }};

struct Row {
  std::string name;
  std::vector<Event> events;
};

const std::vector<Row> rows{
    {"answered", {asks, content, content_ends, head, rest}},
    {"again", {asks, content_ends, asks_again, answer, client_ends}},
    {"again_and_cut", {asks, content_ends, asks_again, answer, client_resets}},
    {"client_leaves", {asks, head, half, client_ends, rest}},
    {"client_is_cut", {asks, content, head, client_resets, upstream_resets}},
    {"gives_up", {asks, head, gives_up, content, rest}},
    {"stalls", {asks, client_stalls, head, rest, client_resets}},
    {"upstream_stalls", {asks, upstream_stalls, content, client_ends, upstream_ends}},
    {"upstream_leaves", {asks, content, upstream_ends, head, half}},
    {"refused", {asks, content_ends, refused, answer, upstream_ends}},
    {"reload", {asks, content_ends, reloaded, answer, client_ends}},
    {"drain", {asks, drained, content_ends, answer, undrained}},
    {"abort", {asks, head, aborted, reloaded, rest}},
    // The endpoint has one permit, for which the other request waits.
    {"two", {asks, other_asks, answer, client_resets, reloaded}},
    {"two_and_abort", {asks, other_asks, drained, aborted, answer}},
};

struct Case {
  const Row* row;
  Talk talk;
};

void PrintTo(const Case& of, std::ostream* out) { *out << of.row->name; }

class GatewayOrders : public testing::TestWithParam<Case> {
 protected:
  static Task<> happen(GatewayCase& gateway, const std::vector<std::size_t>& order, bool in_turns) {
    const Row& row = *GetParam().row;
    const Talk& talk = GetParam().talk;
    std::string told = talk.name() + (in_turns ? " in turns:" : " at once:");
    for (const std::size_t i : order) told += " " + row.events[i].name;
    const test::Place place(__FILE__, __LINE__, told);
    net::Loop& loop = gateway.loop();
    static const config::Limits limits;
    const std::array<ConnectionInfo, 2> infos{gateway.client_info(1), gateway.client_info(2)};
    Scene scene(gateway, talk);
    const auto make = talk.client == Spoken::h2 ? codec::h2::make_server_connection
                                                : codec::h1::make_server_connection;
    net::TaskGroup group(loop);
    net::TurnTaking turns(loop);
    for (std::size_t i = 0; i < scene.clients.size(); ++i) {
      scene.connections[i] = make(std::make_unique<net::Stream>(loop, scene.clients[i]->near()),
                                  infos[i], limits, gateway.gateway());
      group.spawn(scene.connections[i]->run());
    }
    for (const std::size_t i : order) {
      row.events[i].happen(scene);
      for (int turn = 0; in_turns && turn < 4; ++turn) co_await turns.yield();
    }
    // Whatever came before, now all leave.
    for (int round = 0; group.size() != 0 && round < 10; ++round) {
      for (const auto& client : scene.clients) {
        client->flow();
        client->finish();
      }
      for (const auto& far : gateway.reactor().reached) {
        far->flow();
        far->finish();
      }
      for (int turn = 0; turn < 4; ++turn) co_await turns.yield();
    }
    EXPECT_EQ(group.size(), 0u) << "still served";
    if (group.size() != 0) {
      for (const auto& one : scene.connections) one->abort();
      co_await group.join();
    }
    for (const auto& one : scene.connections) EXPECT_FALSE(one->in_flight());
    for (const auto& client : scene.clients) EXPECT_TRUE(client->near_closed());
    co_await gateway.expect_nothing_left();
  }
};

TEST_P(GatewayOrders, EndWithNothingLeft) {
  GatewayCase gateway(GetParam().talk);
  net::run_on(gateway.loop(), [&]() -> Task<> {
    co_await test::in_every_order(
        GetParam().row->events.size(),
        [&](const auto& order, bool in_turns) { return happen(gateway, order, in_turns); });
    const Served next = co_await gateway.serve({});
    EXPECT_TRUE(next.good) << next.got;
    gateway.leave();
  });
}

std::vector<Case> all_cases() {
  std::vector<Case> out;
  for (const Row& row : rows) {
    for (const Spoken client : {Spoken::http1, Spoken::h2}) {
      for (const Spoken upstream : {Spoken::http1, Spoken::h2}) {
        out.push_back({&row, {client, upstream}});
      }
    }
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(All, GatewayOrders, testing::ValuesIn(all_cases()), [](const auto& of) {
  return of.param.row->name + "_" + of.param.talk.name();
});

}  // namespace
}  // namespace gateway_orders
}  // namespace weir::server
