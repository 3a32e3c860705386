// One fetch with all that can befall it in every order, while its content comes piece by piece and
// its upstream says what the row lets it say: it ends, each try that began is told to have ended,
// and no permit is left.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "codec/h2/frames.hpp"
#include "net/memory_transport.hpp"
#include "proxy/fetch/fetch.hpp"
#include "support/every_order.hpp"
#include "support/memory_upstream.hpp"
#include "support/place.hpp"
#include "upstream/cluster_case.hpp"
#include "weir/net/turn_taking.hpp"
#include "weir/telemetry/metrics.hpp"

namespace weir::proxy {
namespace fetch_orders {
namespace {

using namespace std::chrono_literals;
using test::Spoken;
namespace wire = test::h2;

// A client's content, of which the test says when it comes.
class ToldContent final : public BodyStream {
 public:
  explicit ToldContent(net::Loop& loop) : came_(loop) {}
  Task<Result<Bytes>> read() override {
    while (true) {
      const Bytes piece = read_ready();
      if (!piece.empty()) co_return piece;
      if (failure_ != Reason::none) co_return fail(failure_, Side::downstream);
      if (complete()) co_return Bytes();
      co_await came_.wait(no_deadline);
      static_cast<void>(came_.result());
    }
  }
  Bytes read_ready() noexcept override {
    if (failure_ != Reason::none || waiting_ == 0) return {};
    --waiting_;
    return as_bytes("abc");
  }
  bool complete() const noexcept override { return ended_ && waiting_ == 0 && !failed(); }
  const HeaderMap& trailers() const noexcept override { return trailers_; }
  std::optional<std::uint64_t> length() const noexcept override { return std::nullopt; }
  void tell_arrivals(ContentArrivals* to) noexcept override { arrivals_ = to; }
  void abort(Reason reason) noexcept override {
    if (!failed()) failure_ = reason;
    tell();
  }

  void come() {
    if (!ended_) ++waiting_;
    tell();
  }
  void end() {
    ended_ = true;
    tell();
  }

 private:
  bool failed() const noexcept { return failure_ != Reason::none; }
  void tell() noexcept {
    came_.notify();
    if (arrivals_ != nullptr) arrivals_->content_arrived();
  }

  net::Waiter came_;
  int waiting_ = 0;  // pieces that came and were not read
  bool ended_ = false;
  Reason failure_ = Reason::none;
  ContentArrivals* arrivals_ = nullptr;
  HeaderMap trailers_;
};

class Counted final : public TryObserver {
 public:
  void try_begins(std::string_view, Duration, Duration) override { ++begun; }
  void try_ended(const TryRecord&, bool) override { ++ended; }
  bool wants_record(bool) const noexcept override { return true; }
  void grpc_ended(GrpcStatus) override {}
  void waited(Duration) override {}

  int begun = 0;
  int ended = 0;
};

// Both ends of a fetch that runs.
class Talk {
 public:
  Talk(net::MemoryReactor& reactor, ToldContent& sent, CancelScope& over)
      : content(sent), scope(over), reactor_(reactor) {}

  // Where nobody has connected yet, those who do find it said.
  void say(const std::string& bytes) {
    if (far() != nullptr) return far()->say(bytes);
    early_ += bytes;
  }
  void with_upstream(const std::function<void(net::FarEnd&)>& what) {
    if (far() != nullptr) what(*far());
  }
  // What says something in each protocol.
  std::string early() noexcept { return std::exchange(early_, {}); }

  ToldContent& content;
  CancelScope& scope;
  Fetch* fetch = nullptr;  // once it has begun, until it has ended

 private:
  net::FarEnd* far() const noexcept {
    return reactor_.reached.empty() ? nullptr : reactor_.reached.back().get();
  }

  net::MemoryReactor& reactor_;
  std::string early_;
};

struct Event {
  std::string name;
  std::function<void(Talk&, Spoken)> happen;
};

Event says(std::string name, std::string http1, std::string h2) {
  return {std::move(name),
          [http1 = std::move(http1), h2 = std::move(h2)](Talk& talk, Spoken spoken) {
            talk.say(spoken == Spoken::h2 ? h2 : http1);
          }};
}
Event upstream(std::string name, std::function<void(net::FarEnd&)> what) {
  return {std::move(name),
          [what = std::move(what)](Talk& talk, Spoken) { talk.with_upstream(what); }};
}

// HPACK: 100 has no entry of its own.
const std::string interim_fields = std::string("\x08\x03", 2) + "100";
const Event asked_for = says("100", "HTTP/1.1 100 Continue\r\n\r\n",
                             wire::frame(wire::headers, wire::end_headers, 1, interim_fields));
const Event head_comes = says("head", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n",
                              wire::frame(wire::headers, wire::end_headers, 1, "\x88"));
const Event half_comes = says("half", "do", wire::frame(wire::data, 0, 1, "do"));
const Event rest_comes = says("rest", "ne", wire::frame(wire::data, wire::end_stream, 1, "ne"));
const Event no_answer = says("garbage", "\1\2\3\r\n\r\n", std::string(9, '\xff'));
const Event refused = says("refused", "", wire::frame(wire::rst_stream, 0, 1, wire::number(7)));
const Event gone =
    says("GOAWAY", "", wire::frame(wire::goaway, 0, 0, wire::number(0) + wire::number(0)));
const Event upstream_ends = upstream("FIN", [](net::FarEnd& far) { far.finish(); });
const Event upstream_resets = upstream("RST", [](net::FarEnd& far) { far.reset(); });
const Event upstream_stalls = upstream("stall", [](net::FarEnd& far) { far.stall(); });
const Event upstream_flows = upstream("flow", [](net::FarEnd& far) { far.flow(); });
const Event content_comes{"content", [](Talk& talk, Spoken) { talk.content.come(); }};
const Event content_ends{"content_ends", [](Talk& talk, Spoken) { talk.content.end(); }};
const Event content_fails{"content_fails",
                          [](Talk& talk, Spoken) { talk.content.abort(Reason::client_closed); }};
const Event cancelled{"cancelled",
                      [](Talk& talk, Spoken) { talk.scope.cancel(Reason::client_closed); }};

struct Row {
  std::string name;
  std::vector<Event> events;
  bool expects_continue = false;
};

const std::vector<Row> rows{
    {"answered", {head_comes, half_comes, rest_comes, content_comes, content_ends}},
    {"early_answer", {head_comes, rest_comes, upstream_ends, content_comes, content_ends}},
    {"cut", {head_comes, half_comes, upstream_ends, content_comes, upstream_resets}},
    {"refused", {refused, content_comes, content_ends, head_comes, rest_comes}},
    {"goes", {gone, content_comes, content_ends, upstream_ends, head_comes}},
    {"cancelled", {head_comes, half_comes, content_comes, cancelled, upstream_resets}},
    {"client_leaves", {head_comes, content_comes, content_fails, rest_comes, cancelled}},
    {"stall", {upstream_stalls, content_comes, content_ends, upstream_flows, head_comes}},
    {"stall_and_end", {upstream_stalls, content_comes, cancelled, upstream_ends, head_comes}},
    {"no_answer", {no_answer, content_comes, content_ends, half_comes, upstream_ends}},
    {"asked_for", {asked_for, content_comes, content_ends, head_comes, rest_comes}, true},
    {"not_asked_for", {head_comes, rest_comes, content_comes, content_fails, upstream_ends}, true},
    {"asked_and_gone", {asked_for, content_comes, cancelled, upstream_resets, head_comes}, true},
};

struct Case {
  const Row* row;
  Spoken spoken;
};

void PrintTo(const Case& of, std::ostream* out) { *out << of.row->name; }

class FetchOrders : public testing::TestWithParam<Case> {
 protected:
  Task<> happen(net::MemoryLoop& network, const std::vector<std::size_t>& order, bool in_turns) {
    const Spoken spoken = GetParam().spoken;
    std::string told(test::name_of(spoken));
    told += in_turns ? " in turns:" : " at once:";
    for (const std::size_t i : order) told += " " + GetParam().row->events[i].name;
    const test::Place place(__FILE__, __LINE__, told);
    net::Loop& loop = network.loop();
    config::Upstream settings = upstream::upstream_of({"192.0.2.1:80"});
    settings.protocol =
        spoken == Spoken::h2 ? config::UpstreamProtocol::h2 : config::UpstreamProtocol::http1;
    const auto cluster = upstream::cluster_on(settings, {&loop});
    ToldContent content(loop);
    CancelScope scope;
    Talk talk(network.reactor(), content, scope);
    Counted counted;
    network.reactor().reached.clear();
    network.reactor().reach = [&](const SocketAddress&) {
      const auto far = std::make_shared<net::FarEnd>(network.reactor());
      if (spoken == Spoken::h2) far->say(wire::frame(wire::settings, 0, 0));
      if (const std::string early = talk.early(); !early.empty()) far->say(early);
      return far;
    };
    net::TaskGroup group(loop);
    net::TurnTaking turns(loop);
    group.spawn(fetch(loop, *cluster, talk, counted));
    if (in_turns) {
      for (int turn = 0; turn < 3; ++turn) co_await turns.yield();
    }
    for (const std::size_t i : order) {
      GetParam().row->events[i].happen(talk, spoken);
      for (int turn = 0; in_turns && turn < 3; ++turn) co_await turns.yield();
    }
    for (int turn = 0; turn < 3; ++turn) co_await turns.yield();
    // Whatever came before, now all of it ends: the content, and each connection.
    content.end();
    const auto none_left = [&] { return group.size() == 0; };
    for (int turn = 0; !none_left() && turn < 10; ++turn) {
      for (const auto& far : network.reactor().reached) {
        far->flow();
        far->finish();
      }
      for (int i = 0; i < 3; ++i) co_await turns.yield();
    }
    EXPECT_TRUE(none_left()) << "the fetch goes on";
    if (!none_left()) {
      scope.cancel(Reason::draining);
      co_await group.join();
    }
    EXPECT_EQ(counted.begun, counted.ended);
    for (const auto& endpoint : cluster->describe().endpoints) {
      EXPECT_EQ(endpoint.in_flight, 0u);
    }
    cluster->leave(0);
    network.reactor().reach = nullptr;
  }

 private:
  Task<> fetch(net::Loop& loop, upstream::Cluster& cluster, Talk& talk, Counted& counted) {
    Request request;
    request.head.method = Method::post;
    request.head.method_text = "POST";
    request.head.path = "/";
    request.head.authority = "a.test";
    request.head.framing = Framing::chunked;
    request.head.expect_continue = GetParam().row->expects_continue;
    request.body = &talk.content;
    TransferClock clock;
    clock.last_activity = loop.now();
    const FetchPlan plan{.cluster = cluster,
                         .metrics = *metrics_.upstream("orders"),
                         .loop = loop,
                         .worker = 0,
                         .clock = clock,
                         .caller = {.scope = &talk.scope},
                         .time = {loop.now(), 5s},
                         .header_size = 1000,
                         .most_repeats = 3,
                         .failover = false};  // no try that waits for a time
    auto call = cluster.breaker().begin(loop.now());
    Fetch fetch(plan, request, std::move(*call), &counted);
    ResponseHead head;
    Result<> came = co_await fetch.first_try(head);
    if (!came) came = co_await fetch.further_tries(std::move(came), head);
    std::string text;
    while (came) {
      const Result<Bytes> piece = co_await fetch.content().read();
      if (!piece) break;
      text += as_text(*piece);
      if (!piece->empty()) continue;
      // What the length, or the end of the stream, says.
      const bool whole = GetParam().spoken == Spoken::h2 ? text.ends_with("ne") : text.size() == 4;
      EXPECT_TRUE(whole) << "a short answer seems whole: " << text;
      break;
    }
    co_await fetch.settle();
  }

  telemetry::Metrics metrics_{1, "test", "none"};
};

TEST_P(FetchOrders, EndWithNothingLeft) {
  net::MemoryLoop network;
  net::run_on(network.loop(), [&]() -> Task<> {
    co_await test::in_every_order(
        GetParam().row->events.size(),
        [&](const auto& order, bool in_turns) { return happen(network, order, in_turns); });
  });
}

std::vector<Case> all_cases() {
  std::vector<Case> out;
  for (const Row& row : rows) {
    for (const Spoken spoken : {Spoken::http1, Spoken::h2}) out.push_back({&row, spoken});
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(All, FetchOrders, testing::ValuesIn(all_cases()), [](const auto& of) {
  return of.param.row->name + "_" + std::string(test::name_of(of.param.spoken));
});

}  // namespace
}  // namespace fetch_orders
}  // namespace weir::proxy
