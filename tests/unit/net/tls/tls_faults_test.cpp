// One conversation over TLS, as a server and as a client, over a transport that is memory, with
// something going wrong at each place in turn: behind each byte, at each call, at each step of the
// loop and with each allocation. It ends, what was cut never seems whole, and the next one is good.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <new>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "allocation_count.hpp"
#include "net/loop_run.hpp"
#include "net/memory_transport.hpp"
#include "net/tls/tls_case.hpp"
#include "net/tls/tls_far.hpp"
#include "support/place.hpp"

namespace weir::net {
namespace tls_faults {
namespace {

using namespace std::chrono_literals;

// Who our end is, and what kind of handshake it has.
struct Scene {
  std::string name;
  bool is_server;
  TlsFar::Kind kind;
};

const std::vector<Scene> scenes{
    {"server", true, TlsFar::Kind::full},
    {"client", false, TlsFar::Kind::full},
    {"server_resumed", true, TlsFar::Kind::resumed},
    {"client_resumed", false, TlsFar::Kind::resumed},
    {"server_tls12", true, TlsFar::Kind::tls12},
    {"client_tls12", false, TlsFar::Kind::tls12},
};

struct Plan {
  Faults wire{};
  std::size_t step = 0;  // 0: none
  std::function<void(Stream& near, FarEnd& far)> action{};
  std::size_t allocation = 0;  // which fails; 0: none
};

// What goes wrong at place `n` of a conversation, from 1.
struct Fault {
  std::string name;
  bool harmless;  // the conversation is whole all the same
  std::function<Plan(std::size_t n)> plan;
};

Fault on_the_wire(std::string name, bool harmless, std::function<Faults(std::size_t n)> wire) {
  return {std::move(name), harmless,
          [wire = std::move(wire)](std::size_t n) { return Plan{.wire = wire(n)}; }};
}
Fault at_step(std::string name, bool harmless, std::function<void(Stream&, FarEnd&)> action) {
  return {std::move(name), harmless, [action = std::move(action)](std::size_t n) {
            // A few bytes at a time, for more steps.
            return Plan{
                .wire = {.most_received = 100, .most_sent = 100}, .step = n, .action = action};
          }};
}

const std::vector<Fault>& faults() {
  static const std::vector<Fault> all{
      on_the_wire("EAGAIN", true, [](std::size_t n) { return Faults{.again_at = n}; }),
      on_the_wire("EAGAIN_in_small_calls", true,
                  [](std::size_t n) {
                    return Faults{.most_received = 20, .most_sent = 20, .again_at = n};
                  }),
      on_the_wire("ends_behind_byte", false,
                  [](std::size_t n) { return Faults{.end_after = n - 1}; }),
      on_the_wire("resets_behind_byte", false,
                  [](std::size_t n) { return Faults{.reset_after = n - 1}; }),
      on_the_wire("resets_behind_byte_sent", false,
                  [](std::size_t n) { return Faults{.reset_after_sent = n - 1}; }),
      at_step("far_resets", false, [](Stream&, FarEnd& far) { far.reset(); }),
      at_step("far_ends", false, [](Stream&, FarEnd& far) { far.finish(); }),
      at_step("far_stalls", true, [](Stream&, FarEnd& far) { far.stall(); }),
      at_step("cancelled", false, [](Stream& near, FarEnd&) { near.cancel(); }),
      at_step("closed", false, [](Stream& near, FarEnd&) { near.close(); }),
      at_step("reset", false, [](Stream& near, FarEnd&) { near.reset(); }),
  };
  return all;
}

const std::string question = "What is the time?";
const std::string answer = "It is half past nine.";

// What our end came to.
struct Talked {
  Io handshake = Io::would_block;
  Io written = Io::would_block;
  Io end = Io::would_block;  // of what the far end says
  std::string got;
};

TlsPair& tls() {
  static TlsPair pair;
  return pair;
}

// Appends what comes until there are `size` bytes or the far end has ended.
Task<Io> hear(Loop& loop, Stream& near, std::size_t size, std::string& got) {
  std::array<std::byte, 8> block;
  while (got.size() < size) {
    const IoResult result = near.try_read(block);
    got.append(reinterpret_cast<const char*>(block.data()), result.bytes);
    Io status = result.status;
    if (status == Io::would_block) status = co_await near.wait_readable(loop.now() + 5s);
    if (status != Io::ok) co_return status;
  }
  co_return Io::ok;
}

// Our end: hears the question, answers it in two pieces, and hears the end.
Task<> speak(Loop& loop, Stream& near, const Scene& scene, std::size_t allocation, Talked& out,
             Waiter& over) {
  fail_allocation(allocation);
  try {
    near.start_tls(scene.is_server
                       ? tls().server->accept(loop.buffers())
                       : tls().client->connect(loop.buffers(), scene.name, "one.example"));
    out.handshake = co_await near.handshake(loop.now() + 5s);
    if (out.handshake == Io::ok) out.end = co_await hear(loop, near, question.size(), out.got);
    if (out.end == Io::ok) {
      std::string text = answer;
      std::array<iovec, 2> pieces{iovec{text.data(), 5}, iovec{text.data() + 5, text.size() - 5}};
      out.written = co_await near.write_all(pieces, 5s);
      out.end = co_await hear(loop, near, Faults::never, out.got);
    }
  } catch (const std::bad_alloc&) {
  }
  fail_allocation(0);
  near.close();
  over.notify();
}

bool is_beginning(const std::string& text, const std::string& of) { return of.starts_with(text); }

// False when the conversation was over before the plan came to pass; then, and where that does no
// harm, it has to be good.
bool disturbed(const Scene& scene, const Plan& plan, bool harmless) {
  bool met = false;
  tls();  // takes long at first: not while the loop runs
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    const auto far = std::make_shared<FarEnd>(loop.reactor(), plan.wire);
    Talked talked;
    {
      Stream near(loop, far->near());
      far->speak_through(scene.is_server ? TlsFar::client(*tls().client, scene.kind)
                                         : TlsFar::server(*tls().server, scene.kind));
      far->say(question);
      far->on_change = [&far] {
        if (far->heard().size() >= answer.size()) far->finish();
      };
      AtStep at(loop, plan.step, [&] { plan.action(near, *far); });
      // Who stalls goes on a little later.
      AtStep flows(loop, plan.step == 0 ? 0 : plan.step + 5, [&] { far->flow(); });
      const std::size_t failed_before = failed_allocations();
      TaskGroup group(loop);
      Waiter over(loop);
      group.spawn(speak(loop, near, scene, plan.allocation, talked, over));
      // Not join(), which allocates.
      co_await over.wait(loop.now() + 8s);
      EXPECT_EQ(over.result(), Wake::notified) << "our end still waits";
      fail_allocation(0);
      near.cancel();
      co_await group.join();
      at.stop();
      flows.stop();
      co_await at.ended();
      co_await flows.ended();
      met = far->fired() || at.done() || failed_allocations() != failed_before;
    }
    far->on_change = nullptr;
    EXPECT_TRUE(far->near_closed());
    for (const Io io : {talked.handshake, talked.written, talked.end}) EXPECT_NE(io, Io::timeout);
    EXPECT_TRUE(is_beginning(talked.got, question)) << talked.got;
    EXPECT_TRUE(is_beginning(far->heard(), answer)) << far->heard();
    if (talked.handshake != Io::ok) {
      EXPECT_EQ(talked.got + far->heard(), "");
    }
    // Only a close_notify is an end, and that comes last.
    if (talked.end == Io::eof) {
      EXPECT_EQ(talked.got, question);
    }
    if (talked.written == Io::ok && talked.end == Io::eof) {
      EXPECT_EQ(far->heard(), answer);
    }
    if (harmless || !met) {
      EXPECT_EQ(talked.handshake, Io::ok);
      EXPECT_EQ(talked.got, question);
      EXPECT_EQ(talked.written, Io::ok);
      EXPECT_EQ(talked.end, Io::eof);
      EXPECT_EQ(far->heard(), answer);
    }
  });
  return met;
}

struct Case {
  std::size_t scene;
  std::size_t fault;
};

void PrintTo(const Case& of, std::ostream* out) {
  *out << scenes[of.scene].name << ' ' << faults()[of.fault].name;
}

class TlsFaults : public testing::TestWithParam<Case> {};

TEST_P(TlsFaults, TheConversationEndsWhereverItHappens) {
  const Scene& scene = scenes[GetParam().scene];
  const Fault& fault = faults()[GetParam().fault];
  std::size_t n = 1;
  for (bool met = true; met && n < 5000 && !HasFailure(); n += met ? 1 : 0) {
    const test::Place place(__FILE__, __LINE__,
                            scene.name + " " + fault.name + " " + std::to_string(n));
    // A ticket for the next one.
    if (scene.kind == TlsFar::Kind::resumed) disturbed(scene, {}, true);
    met = disturbed(scene, fault.plan(n), fault.harmless);
  }
  EXPECT_GT(n, 3u);
  EXPECT_LT(n, 5000u);
  disturbed(scene, {}, true);
}

std::vector<Case> all_cases() {
  std::vector<Case> out;
  for (std::size_t scene = 0; scene < scenes.size(); ++scene) {
    for (std::size_t fault = 0; fault < faults().size(); ++fault) out.push_back({scene, fault});
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(All, TlsFaults, testing::ValuesIn(all_cases()), [](const auto& of) {
  return scenes[of.param.scene].name + "_" + faults()[of.param.fault].name;
});

class TlsScene : public testing::TestWithParam<Scene> {};

TEST_P(TlsScene, IsWholeWhereACallMovesOneByte) {
  disturbed(GetParam(), {.wire = {.most_received = 1, .most_sent = 1}}, true);
}

TEST_P(TlsScene, StandsEachAllocationThatFails) {
  if (!counts_allocations()) GTEST_SKIP() << "a sanitizer has its own operator new";
  std::size_t n = 1;
  for (bool met = true; met && n < 1000 && !HasFailure(); n += met ? 1 : 0) {
    // A thread of its own has no blocks from before.
    std::thread thread([&] {
      const test::Place place(__FILE__, __LINE__, "allocation " + std::to_string(n) + " failed");
      met = disturbed(GetParam(), {.allocation = n}, false);
    });
    thread.join();
  }
  EXPECT_GT(n, 2u);
  EXPECT_LT(n, 1000u);
  disturbed(GetParam(), {}, true);
}

INSTANTIATE_TEST_SUITE_P(All, TlsScene, testing::ValuesIn(scenes),
                         [](const auto& of) { return of.param.name; });

}  // namespace
}  // namespace tls_faults
}  // namespace weir::net
