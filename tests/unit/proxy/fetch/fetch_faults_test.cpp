// One fetch with its upstreams in memory, cancelled at each point where it waits, and with each of
// its allocations failing: no permit is left, and each try that began is told to have ended.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "allocation_count.hpp"
#include "net/memory_transport.hpp"
#include "proxy/fetch/fetch.hpp"
#include "support/memory_upstream.hpp"
#include "support/place.hpp"
#include "upstream/cluster_case.hpp"
#include "weir/net/turn_taking.hpp"
#include "weir/telemetry/metrics.hpp"

namespace weir::proxy {
namespace {

using namespace std::chrono_literals;
using test::Spoken;

// Content in three pieces, for each of which its reader waits.
class SlowContent final : public BodyStream {
 public:
  explicit SlowContent(net::Loop& loop) : turns_(loop) {}
  Task<Result<Bytes>> read() override {
    if (left_ == 0) co_return Bytes();
    co_await turns_.yield();
    if (aborted_ != Reason::none) co_return fail(aborted_, Side::downstream);
    --left_;
    co_return as_bytes("abc");
  }
  bool complete() const noexcept override { return left_ == 0; }
  const HeaderMap& trailers() const noexcept override { return trailers_; }
  std::optional<std::uint64_t> length() const noexcept override { return std::nullopt; }
  void abort(Reason reason) noexcept override { aborted_ = reason; }

 private:
  net::TurnTaking turns_;
  int left_ = 3;
  Reason aborted_ = Reason::none;
  HeaderMap trailers_;
};

class Counts final : public TryObserver {
 public:
  void try_begins(std::string_view, Duration, Duration) override { ++begun; }
  void try_ended(const TryRecord&, bool) override { ++ended; }
  bool wants_record(bool) const noexcept override { return true; }
  void grpc_ended(GrpcStatus) override {}
  void waited(Duration) override {}

  int begun = 0;
  int ended = 0;
};

// What a fetch goes through that nothing disturbs.
struct Scene {
  std::string name;
  Spoken spoken;
  bool has_content = false;
  bool is_warm = false;  // a connection is idle
  unsigned dead = 0;     // MemoryUpstream's
  unsigned refused = 0;
  bool is_one_away = false;  // the first of two endpoints refuses connections
  bool waits = false;        // somebody else has the one permit, for a few steps
  int tries = 1;
  net::Faults faults{};  // of its connection
  std::string comes_to = "200 done";
};

void PrintTo(const Scene& scene, std::ostream* out) { *out << scene.name; }

constexpr net::Faults slow{.most_received = 16, .most_sent = 16};

const std::vector<Scene> scenes{
    {.name = "fresh", .spoken = Spoken::http1},
    {.name = "reused", .spoken = Spoken::http1, .is_warm = true},
    {.name = "content", .spoken = Spoken::http1, .has_content = true},
    {.name = "again", .spoken = Spoken::http1, .is_warm = true, .dead = 1, .tries = 2},
    {.name = "elsewhere", .spoken = Spoken::http1, .is_one_away = true, .tries = 2},
    {.name = "h2_fresh", .spoken = Spoken::h2},
    {.name = "h2_shared", .spoken = Spoken::h2, .is_warm = true},
    {.name = "h2_content", .spoken = Spoken::h2, .has_content = true},
    {.name = "h2_refused", .spoken = Spoken::h2, .refused = 1, .tries = 2},
    {.name = "waits", .spoken = Spoken::http1, .waits = true},
    {.name = "h2_waits", .spoken = Spoken::h2, .waits = true},
    // A few bytes at a time.
    {.name = "slow", .spoken = Spoken::http1, .has_content = true, .faults = slow},
    {.name = "h2_slow", .spoken = Spoken::h2, .has_content = true, .faults = slow},
    // The upstream ends in the middle of its content, which comes behind its head.
    {.name = "cut",
     .spoken = Spoken::http1,
     .faults = {.most_received = 38, .end_after = 40},
     .comes_to = "200 doupstream_incomplete"},
    {.name = "h2_cut",
     .spoken = Spoken::h2,
     .faults = {.most_received = 37, .end_after = 39},
     .comes_to = "200 doupstream_incomplete"},
};

class FetchRun {
 public:
  explicit FetchRun(const Scene& scene) : scene_(scene), upstream_(scene.spoken) {
    std::vector<std::string> addresses{"192.0.2.1:80"};
    if (scene.is_one_away) addresses.push_back("192.0.2.2:80");
    config::Upstream settings = upstream::upstream_of(std::move(addresses));
    settings.protocol =
        scene.spoken == Spoken::h2 ? config::UpstreamProtocol::h2 : config::UpstreamProtocol::http1;
    if (scene.waits) settings.pool.in_flight = 1;
    cluster_ = upstream::cluster_on(settings, {&loop()});
    network_.reactor().reach = [this](const SocketAddress&) -> std::shared_ptr<net::FarEnd> {
      // Whichever is asked first.
      if (scene_.is_one_away && std::exchange(away_, false)) return nullptr;
      return upstream_.connection(network_.reactor());
    };
  }

  net::Loop& loop() noexcept { return network_.loop(); }

  // Disturbs the scene's fetch at `step`, or where `allocation` fails; false when it was over
  // before. Both 0: it goes undisturbed.
  Task<bool> disturbed(std::size_t step, std::size_t allocation) {
    if (scene_.is_warm) {
      std::string came;
      co_await fetch(came, false, scope_, 0);
      EXPECT_EQ(came, "200 done");
    }
    upstream_.dead = scene_.dead;
    upstream_.refused = scene_.refused;
    away_ = scene_.is_one_away;
    upstream_.faults = scene_.faults;
    told_ = {};
    std::optional<upstream::Lease> held;
    if (scene_.waits) {
      auto lease = co_await upstream::lease_of(*cluster_, loop());
      EXPECT_TRUE(lease.has_value());
      held = std::move(*lease);
    }
    net::AtStep free(loop(), scene_.waits ? 4 : 0, [&] { held.reset(); });
    CancelScope scope;
    net::AtStep at(loop(), step, [&] { scope.cancel(Reason::client_closed); });
    const std::size_t failed_before = failed_allocations();
    std::string came;
    co_await fetch(came, scene_.has_content, scope, allocation);
    at.stop();
    free.stop();
    co_await at.ended();
    co_await free.ended();
    held.reset();
    const bool failed = failed_allocations() != failed_before;
    const bool disturbed = failed || at.done();
    if (!disturbed) {
      EXPECT_EQ(came, scene_.comes_to);
      EXPECT_EQ(told_.begun, scene_.tries);
    } else if (at.done()) {
      EXPECT_TRUE(came == scene_.comes_to || came.ends_with("client_closed")) << came;
    }
    EXPECT_EQ(told_.begun, told_.ended);
    for (const auto& endpoint : cluster_->describe().endpoints) {
      EXPECT_EQ(endpoint.in_flight, 0u) << endpoint.address;
    }
    EXPECT_EQ(cluster_->describe().pending, 0u);
    upstream_.dead = upstream_.refused = 0;
    upstream_.faults = {};
    if (scene_.faults.end_after != net::Faults::never) {
      // One that was cancelled before it met its fault may be shared.
      for (const auto& far : network_.reactor().reached) far->finish();
      net::TurnTaking turns(loop());
      for (int turn = 0; turn < 3; ++turn) co_await turns.yield();
    }
    std::string next;
    co_await fetch(next, false, scope_, 0);
    EXPECT_EQ(next, "200 done");
    co_return disturbed;
  }
  void leave() { cluster_->leave(0); }

 private:
  // `came`: what it came to. `allocation` fails; 0: none.
  Task<> fetch(std::string& came, bool has_content, CancelScope& scope, std::size_t allocation) {
    Request request;
    std::optional<SlowContent> content;
    request.head.method = has_content ? Method::post : Method::get;
    request.head.method_text = has_content ? "POST" : "GET";
    request.head.path = "/";
    request.head.authority = "a.test";
    if (has_content) {
      request.head.framing = Framing::chunked;
      request.body = &content.emplace(loop());
    }
    clock_.last_activity = loop().now();
    const FetchPlan plan{.cluster = *cluster_,
                         .metrics = *metrics_.upstream("orders"),
                         .loop = loop(),
                         .worker = 0,
                         .clock = clock_,
                         .caller = {.scope = &scope},
                         .time = {loop().now(), 5s},
                         .header_size = 1000,
                         .most_repeats = 3};
    auto call = cluster_->breaker().begin(loop().now());
    std::optional<Fetch> fetch(std::in_place, plan, request, std::move(*call), &told_);
    fail_allocation(allocation);
    try {
      co_await read(*fetch, came);
    } catch (const std::bad_alloc&) {
      came = "bad_alloc";
    }
    while (!fetch->settled()) {
      try {
        co_await fetch->settle();
        break;
      } catch (const std::bad_alloc&) {
      }
      net::TurnTaking turn(loop());
      co_await turn.yield();
    }
    fetch.reset();
    fail_allocation(0);
  }
  static Task<> read(Fetch& fetch, std::string& came) {
    ResponseHead head;
    Result<> got = co_await fetch.first_try(head);
    if (!got) got = co_await fetch.further_tries(std::move(got), head);
    if (!got) {
      came = name(got.error().reason);
      co_return;
    }
    came = std::to_string(head.status) + " ";
    while (true) {
      // As the codecs do it.
      const Bytes ready = fetch.content().read_ready();
      came += as_text(ready);
      if (!ready.empty()) continue;
      const Result<Bytes> piece = co_await fetch.content().read();
      if (!piece) came += name(piece.error().reason);
      if (!piece || piece->empty()) break;
      came += as_text(*piece);
    }
  }

  const Scene scene_;
  test::MemoryUpstream upstream_;
  net::MemoryLoop network_;
  telemetry::Metrics metrics_{1, "test", "none"};
  std::shared_ptr<upstream::Cluster> cluster_;
  TransferClock clock_;
  CancelScope scope_;
  Counts told_;
  bool away_ = false;
};

class FetchFaults : public testing::TestWithParam<Scene> {
 protected:
  static bool disturbed(std::size_t step, std::size_t allocation) {
    bool out = false;
    // A thread of its own has no blocks from before.
    std::thread thread([&] {
      const test::Place place(__FILE__, __LINE__,
                              GetParam().name + ", cancelled at step " + std::to_string(step) +
                                  ", allocation " + std::to_string(allocation) + " failed");
      FetchRun run(GetParam());
      net::run_on(run.loop(), [&]() -> Task<> {
        out = co_await run.disturbed(step, allocation);
        run.leave();
      });
    });
    thread.join();
    return out;
  }
};

TEST_P(FetchFaults, IsCancelledAtEachStep) {
  std::size_t step = 1;
  while (disturbed(step, 0) && step < 1000 && !HasFailure()) ++step;
  EXPECT_GT(step, 2u);
  EXPECT_LT(step, 1000u);
}

TEST_P(FetchFaults, StandsEachAllocationThatFails) {
  if (!counts_allocations()) GTEST_SKIP() << "a sanitizer has its own operator new";
  std::size_t n = 1;
  while (disturbed(0, n) && n < 1000 && !HasFailure()) ++n;
  // On an idle connection of HTTP/1 a fetch allocates nothing.
  EXPECT_GT(n, GetParam().is_warm ? 0u : 2u);
  EXPECT_LT(n, 1000u);
}

INSTANTIATE_TEST_SUITE_P(All, FetchFaults, testing::ValuesIn(scenes),
                         [](const auto& of) { return of.param.name; });

}  // namespace
}  // namespace weir::proxy
