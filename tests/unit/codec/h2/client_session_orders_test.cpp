// One request on an HTTP/2 connection to an upstream, with all that can befall it in every order:
// its answer ends once, and the connection keeps nothing of it.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "codec/h2/client_session.hpp"
#include "codec/h2/frames.hpp"
#include "net/loop_run.hpp"
#include "net/memory_transport.hpp"
#include "support/every_order.hpp"
#include "weir/net/turn_taking.hpp"

namespace weir::codec::h2 {
namespace client_session_orders {
namespace {

using namespace std::chrono_literals;
namespace wire = test::h2;

// A request with content, one piece of which was sent.
struct Asked final : ClientExchange::Owner {
  void answer_ended(bool) noexcept override { ++ended; }

  std::unique_ptr<ClientExchange> exchange;
  std::optional<bool> head;  // whether one came, once that is known
  int ended = 0;
};

struct Talk {
  net::FarEnd& upstream;
  ClientSession& session;
  Asked& asked;
  CancelScope& scope;
};

struct Event {
  std::string name;
  std::function<void(Talk&)> happen;
};

Event says(std::string name, std::string bytes) {
  return {std::move(name), [bytes = std::move(bytes)](Talk& talk) { talk.upstream.say(bytes); }};
}

const Event head_comes = says("head", wire::frame(wire::headers, wire::end_headers, 1, "\x88"));
const Event content_comes = says("content", wire::frame(wire::data, 0, 1, "abc"));
const Event answer_ends = says("end", wire::frame(wire::data, wire::end_stream, 1));
const Event refused = says("refused", wire::frame(wire::rst_stream, 0, 1, wire::number(7)));
const Event gone_without =
    says("GOAWAY_0", wire::frame(wire::goaway, 0, 0, wire::number(0) + wire::number(0)));
const Event gone_with =
    says("GOAWAY_1", wire::frame(wire::goaway, 0, 0, wire::number(1) + wire::number(0)));
const Event no_frame = says("garbage", std::string(9, '\xff'));
const Event upstream_ends{"FIN", [](Talk& talk) { talk.upstream.finish(); }};
const Event upstream_resets{"RST", [](Talk& talk) { talk.upstream.reset(); }};
const Event upstream_stalls{"stall", [](Talk& talk) { talk.upstream.stall(); }};
const Event given_up{"given_up", [](Talk& talk) { talk.asked.exchange.reset(); }};
const Event cancelled{"cancelled", [](Talk& talk) {
                        talk.scope.cancel(Reason::client_closed);
                        if (talk.asked.exchange) talk.asked.exchange->cancel();
                      }};
const Event aborted{"aborted", [](Talk& talk) {
                      if (talk.asked.exchange) talk.asked.exchange->abort(Reason::client_closed);
                    }};
const Event head_taken{"taken", [](Talk& talk) {
                         if (!talk.asked.exchange || talk.asked.head) return;
                         ResponseHead head;
                         const auto came = talk.asked.exchange->take_head(head);
                         if (!came || *came) talk.asked.head = came.has_value();
                       }};
const Event closed{"closed", [](Talk& talk) { talk.session.close(); }};

struct Row {
  std::string name;
  std::vector<Event> events;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class ClientSessionOrders : public testing::TestWithParam<Row> {
 protected:
  Task<> happen(net::Loop& loop, const std::vector<std::size_t>& order, bool in_turns) {
    std::string told = in_turns ? "in turns:" : "at once:";
    for (const std::size_t i : order) told += " " + GetParam().events[i].name;
    SCOPED_TRACE(told);
    const auto upstream = std::make_shared<net::FarEnd>(loop.reactor());
    TransferClock clock;
    clock.last_activity = loop.now();
    CancelScope scope;
    ClientSession session(std::make_unique<net::Stream>(loop, upstream->near()), {});
    Asked asked;
    upstream->say(wire::frame(wire::settings, 0, 0));
    const auto ready = co_await session.ready(loop.now() + 5s);
    EXPECT_TRUE(ready.has_value());
    RequestHead head;
    head.method = Method::post;
    head.method_text = "POST";
    head.path = "/";
    head.authority = "a.test";
    asked.exchange = session.begin(clock, scope, asked, Method::post, 1000);
    EXPECT_TRUE(asked.exchange->send_head(head, as_bytes("abc"), false).has_value());
    net::TurnTaking turns(loop);
    co_await turns.yield();
    Talk talk{*upstream, session, asked, scope};
    for (const std::size_t i : order) {
      GetParam().events[i].happen(talk);
      for (int turn = 0; in_turns && turn < 3; ++turn) co_await turns.yield();
    }
    for (int turn = 0; turn < 3; ++turn) co_await turns.yield();
    upstream->flow();
    upstream->finish();
    for (int turn = 0; turn < 3; ++turn) co_await turns.yield();
    EXPECT_TRUE(session.closed());
    EXPECT_TRUE(session.ending());
    EXPECT_EQ(session.limit(), 0u);
    EXPECT_EQ(session.orphans(), 0u);
    if (asked.exchange) co_await read_to_end(loop, asked);
    EXPECT_LE(asked.ended, 1);
    asked.exchange.reset();
    EXPECT_LE(asked.ended, 1);
    EXPECT_TRUE(upstream->near_closed());
  }

 private:
  // What is left of the answer is there, or it has failed: nothing waits.
  Task<> read_to_end(net::Loop& loop, Asked& asked) {
    if (!asked.head) {
      ResponseHead head;
      const auto came = asked.exchange->take_head(head);
      if (came && !*came) {
        const net::Io waited = co_await asked.exchange->wait_more(loop.now());
        EXPECT_EQ(waited, net::Io::cancelled) << "neither a head nor a failure";
        co_return;
      }
      asked.head = came.has_value();
    }
    if (!*asked.head) co_return;
    bool over = false;
    net::TaskGroup group(loop);
    const auto read = [&]() -> Task<> {
      while (!over) {
        const auto piece = co_await asked.exchange->read();
        over = !piece || piece->empty();
      }
    };
    group.spawn(read());
    const bool read_all = co_await group.join(loop.now() + 5s);
    EXPECT_TRUE(read_all && over);
    EXPECT_EQ(asked.ended, 1);
  }
};

TEST_P(ClientSessionOrders, EndWithNothingLeft) {
  net::Loop loop;
  net::run_on(loop, [&]() -> Task<> {
    co_await test::in_every_order(GetParam().events.size(), [&](const auto& order, bool in_turns) {
      return happen(loop, order, in_turns);
    });
  });
}

INSTANTIATE_TEST_SUITE_P(
    All, ClientSessionOrders,
    testing::Values(
        Row{"answered", {head_comes, content_comes, answer_ends, head_taken, upstream_ends}},
        Row{"refused", {head_comes, refused, answer_ends, head_taken, upstream_resets}},
        Row{"goes", {head_comes, answer_ends, gone_with, gone_without, head_taken}},
        Row{"given_up", {head_comes, answer_ends, given_up, refused, head_taken}},
        Row{"given_up_and_gone", {head_comes, given_up, gone_without, upstream_stalls, closed}},
        Row{"cancelled", {head_comes, answer_ends, cancelled, head_taken, upstream_ends}},
        Row{"aborted", {head_comes, content_comes, answer_ends, head_taken, aborted}},
        Row{"no_http2", {head_comes, no_frame, answer_ends, head_taken, given_up}},
        Row{"closed", {head_comes, answer_ends, closed, head_taken, given_up}}),
    [](const auto& of) { return of.param.name; });

}  // namespace
}  // namespace client_session_orders
}  // namespace weir::codec::h2
