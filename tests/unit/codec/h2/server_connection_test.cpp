// One request on a client's HTTP/2 connection, with all that can befall it in every order: the
// connection ends, and each request that the handler saw is told to be over, once.
#include "weir/codec/h2/server_connection.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "codec/h2/frames.hpp"
#include "net/loop_run.hpp"
#include "net/memory_transport.hpp"
#include "support/every_order.hpp"
#include "weir/config/model.hpp"
#include "weir/http/answer.hpp"
#include "weir/net/stream.hpp"
#include "weir/net/turn_taking.hpp"

namespace weir::codec::h2 {
namespace server_connection_orders {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;
namespace wire = test::h2;

// Answers when the test says so, or the exchange is cancelled.
class Patient final : public ServerHandler {
 public:
  explicit Patient(net::Loop& loop) : loop_(loop) {}

  Task<Response> handle(Request&, Exchange& exchange) override {
    ++begun;
    net::Waiter waiter(loop_);
    const OnCancel stop(&exchange.scope, [&](Reason) noexcept { waiter.cancel(); });
    waiting_.push_back(&waiter);
    while (!answers_ && !waiter.cancelled()) {
      co_await waiter.wait(no_deadline);
      static_cast<void>(waiter.result());
    }
    std::erase(waiting_, &waiter);
    Response out;
    out.head.status = 200;
    out.body = std::string("done");
    co_return out;
  }
  Response refuse(const Error& error, Exchange& exchange) override {
    ++refused;
    return problem(error, exchange.context.request_id());
  }
  void completed(const Request&, Exchange& exchange, const Outcome&) noexcept override {
    ++over;
    EXPECT_TRUE(exchange.settle_now());
  }
  void answer() {
    answers_ = true;
    for (net::Waiter* const waiter : waiting_) waiter->notify();
  }

  int begun = 0;
  int refused = 0;
  int over = 0;

 private:
  net::Loop& loop_;
  std::vector<net::Waiter*> waiting_;
  bool answers_ = false;
};

struct Scene {
  net::FarEnd& client;
  ServerConnection& connection;
  Patient& handler;
};

struct Event {
  std::string name;
  std::function<void(Scene&)> happen;
};

Event said(std::string name, std::string bytes) {
  return {std::move(name), [bytes = std::move(bytes)](Scene& scene) { scene.client.say(bytes); }};
}

// POST http / of a, whose content follows.
const std::string head = wire::frame(wire::headers, wire::end_headers, 1, "\x83\x86\x84\1\1a"sv);

const Event head_comes = said("head", head);
const Event other_head_comes = said(
    "other_head",
    wire::frame(wire::headers, wire::end_headers | wire::end_stream, 3, "\x82\x86\x84\1\1a"sv));
const Event other_reset = said("other_reset", wire::frame(wire::rst_stream, 0, 3, wire::number(8)));
const Event content_ends = said("content", wire::frame(wire::data, wire::end_stream, 1, "abc"));
const Event trailers_come =
    said("trailers", wire::frame(wire::headers, wire::end_headers | wire::end_stream, 1));
const Event stream_reset = said("reset", wire::frame(wire::rst_stream, 0, 1, wire::number(8)));
const Event window_shut =
    said("window", wire::frame(wire::settings, 0, 0, std::string("\0\4"sv) + wire::number(0)));
const Event window_opens = said("opens", wire::frame(wire::window_update, 0, 1, wire::number(100)));
const Event client_goes =
    said("goaway", wire::frame(wire::goaway, 0, 0, wire::number(0) + wire::number(0)));
const Event no_frame = said("garbage", std::string(9, '\xff'));
const Event answered{"answer", [](Scene& scene) { scene.handler.answer(); }};
const Event client_ends{"FIN", [](Scene& scene) { scene.client.finish(); }};
const Event client_resets{"RST", [](Scene& scene) { scene.client.reset(); }};
const Event client_stalls{"stall", [](Scene& scene) { scene.client.stall(); }};
const Event drained{"drain", [](Scene& scene) { scene.connection.drain(); }};
const Event undrained{"undrain", [](Scene& scene) { scene.connection.undrain(); }};
const Event aborted{"abort", [](Scene& scene) { scene.connection.abort(); }};

struct Row {
  std::string name;
  std::vector<Event> events;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class ServerConnectionOrders : public testing::TestWithParam<Row> {
 protected:
  // One connection to which the row's events happen in `order`, with a turn of the loop behind each
  // if `in_turns`.
  Task<> happen(net::Loop& loop, const std::vector<std::size_t>& order, bool in_turns) {
    std::string told = in_turns ? "in turns:" : "at once:";
    for (const std::size_t i : order) told += " " + GetParam().events[i].name;
    SCOPED_TRACE(told);
    ConnectionInfo info;
    info.loop = &loop;
    config::Limits limits;
    Patient handler(loop);
    const auto client = std::make_shared<net::FarEnd>(loop.reactor());
    client->say(std::string(wire::preface) + wire::frame(wire::settings, 0, 0));
    auto connection = make_server_connection(std::make_unique<net::Stream>(loop, client->near()),
                                             info, limits, handler);
    Scene scene{*client, *connection, handler};
    net::TaskGroup group(loop);
    net::TurnTaking turns(loop);
    group.spawn(connection->run());
    co_await turns.yield();
    for (const std::size_t i : order) {
      GetParam().events[i].happen(scene);
      for (int turn = 0; in_turns && turn < 3; ++turn) co_await turns.yield();
    }
    for (int turn = 0; turn < 3; ++turn) co_await turns.yield();
    // Whatever came before, now the client leaves.
    client->flow();
    client->finish();
    handler.answer();
    const bool ended = co_await group.join(loop.now() + 5s);
    EXPECT_TRUE(ended) << "still served";
    EXPECT_FALSE(connection->in_flight());
    EXPECT_EQ(handler.over, std::max(handler.begun, handler.over)) << "begun but not over";
    EXPECT_LE(handler.over, handler.begun + handler.refused);
    EXPECT_TRUE(client->near_closed());
  }
};

TEST_P(ServerConnectionOrders, EndWithNothingLeft) {
  net::Loop loop;
  net::run_on(loop, [&]() -> Task<> {
    co_await test::in_every_order(GetParam().events.size(), [&](const auto& order, bool in_turns) {
      return happen(loop, order, in_turns);
    });
  });
}

INSTANTIATE_TEST_SUITE_P(
    All, ServerConnectionOrders,
    testing::Values(
        Row{"client_gives_up", {head_comes, content_ends, stream_reset, answered, client_ends}},
        Row{"client_goes", {head_comes, content_ends, client_goes, answered, client_resets}},
        Row{"trailers", {head_comes, trailers_come, content_ends, answered, client_ends}},
        Row{"two", {head_comes, other_head_comes, answered, other_reset, client_ends}},
        Row{"two_drained", {head_comes, other_head_comes, stream_reset, drained, answered}},
        Row{"two_cut", {head_comes, other_head_comes, answered, client_stalls, aborted}},
        Row{"windows", {head_comes, window_shut, window_opens, answered, stream_reset}},
        Row{"stall", {head_comes, content_ends, client_stalls, answered, client_ends}},
        Row{"no_http2", {head_comes, no_frame, answered, content_ends, client_ends}},
        Row{"drain", {head_comes, drained, content_ends, answered, undrained}},
        Row{"abort", {head_comes, aborted, answered, drained, client_ends}}),
    [](const auto& of) { return of.param.name; });

}  // namespace
}  // namespace server_connection_orders
}  // namespace weir::codec::h2
