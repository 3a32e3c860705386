#include "weir/net/loop_executor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <cstdlib>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "net/loop_run.hpp"
#include "net/main_context.hpp"
#include "weir/net/turn_taking.hpp"

namespace weir::net {
namespace {

using namespace std::chrono_literals;
namespace execution = asio::execution;

// --- what it promises to Asio, and what it refuses

template <class Property>
constexpr bool requirable = asio::can_require_v<LoopExecutor, Property>;
static_assert(requirable<execution::blocking_t::never_t>);
static_assert(requirable<execution::blocking_t::possibly_t>);
static_assert(!requirable<execution::blocking_t::always_t>);
static_assert(requirable<execution::relationship_t::fork_t>);
static_assert(requirable<execution::relationship_t::continuation_t>);
static_assert(requirable<execution::outstanding_work_t::tracked_t>);
static_assert(requirable<execution::outstanding_work_t::untracked_t>);
static_assert(requirable<execution::allocator_t<std::allocator<int>>>);
static_assert(execution::is_executor<asio::strand<LoopExecutor>>::value);
static_assert(!std::is_convertible_v<LoopExecutor, asio::any_io_executor>);
static_assert(!std::is_constructible_v<asio::steady_timer, LoopExecutor>);
static_assert(!std::is_constructible_v<asio::steady_timer, Loop&>);
static_assert(!std::is_constructible_v<asio::steady_timer, LoopContext&>);

TEST(LoopExecutor, SaysWhatWasAskedOfIt) {
  Loop loop;
  const LoopExecutor plain = loop.get_executor();
  EXPECT_EQ(asio::query(plain, execution::blocking), execution::blocking.possibly);
  EXPECT_EQ(asio::query(plain, execution::relationship), execution::relationship.fork);
  EXPECT_EQ(asio::query(plain, execution::outstanding_work), execution::outstanding_work.untracked);
  EXPECT_EQ(asio::query(plain, execution::mapping), execution::mapping.thread);
  EXPECT_EQ(&asio::query(plain, execution::context), &loop.context());
  const auto never = asio::require(plain, execution::blocking.never);
  EXPECT_EQ(asio::query(never, execution::blocking), execution::blocking.never);
  const auto continuing = asio::require(never, execution::relationship.continuation);
  EXPECT_EQ(asio::query(continuing, execution::relationship), execution::relationship.continuation);
  EXPECT_EQ(asio::query(continuing, execution::blocking), execution::blocking.never);
  const auto back = asio::require(asio::require(continuing, execution::relationship.fork),
                                  execution::blocking.possibly);
  EXPECT_EQ(back, plain);
  Loop other;
  EXPECT_NE(other.get_executor(), plain);
}

// --- when and where handlers run

TEST(LoopExecutor, DispatchRunsWithinTheCallOnTheLoopAndPostDoesNot) {
  Loop loop;
  std::string order;
  asio::dispatch(loop.get_executor(), [&] { order += 'a'; });
  EXPECT_EQ(order, "") << "the loop does not run here yet";
  run_on(loop, [&]() -> Task<> {
    EXPECT_FALSE(loop.get_executor().running_in_this_thread());
    co_await pass(loop, 1ms);
    EXPECT_TRUE(loop.get_executor().running_in_this_thread());
    asio::post(loop.get_executor(), [&] { order += 'd'; });
    asio::defer(loop.get_executor(), [&] { order += 'e'; });
    asio::dispatch(loop.get_executor(), [&] { order += 'b'; });
    order += 'c';
    EXPECT_TRUE(co_await until(loop, [&] { return order.size() == 5; }));
  });
  EXPECT_FALSE(loop.get_executor().running_in_this_thread());
  EXPECT_EQ(order, "abcde");
}

TEST(LoopExecutor, HandlersOfManyThreadsAllRunInEachOnesOrder) {
  // Ten million where somebody asks for them.
  const char* const asked = std::getenv("WEIR_MANY_POSTS");
  const std::size_t each = (asked != nullptr ? std::stoul(asked) : 200'000) / 4;
  Loop loop;
  std::vector<std::size_t> next(4, 0);
  std::size_t wrong = 0;
  std::size_t running = next.size();
  std::vector<std::jthread> posters;
  for (std::size_t thread = 0; thread < next.size(); ++thread) {
    posters.emplace_back([&, thread] {
      const LoopExecutor executor = loop.get_executor();
      for (std::size_t n = 0; n < each; ++n) {
        asio::post(executor, [&, thread, n] {
          wrong += next[thread] != n ? 1 : 0;
          next[thread] = n + 1;
          if (n + 1 == each && --running == 0) loop.stop();
        });
      }
    });
  }
  loop.run();
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(next, std::vector<std::size_t>(4, each));
}

TEST(LoopExecutor, APostWakesALoopThatWaits) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    Waiter waiter(loop);
    for (int n = 0; n < 100; ++n) {
      const std::jthread poster([&] { asio::post(loop.get_executor(), [&] { waiter.notify(); }); });
      co_await waiter.wait(loop.now() + 10s);
      EXPECT_EQ(waiter.result(), Wake::notified);
    }
  });
}

TEST(LoopExecutor, ATurnRunsABoundedNumberOfHandlers) {
  Loop loop;
  std::size_t ran = 0;
  bool go_on = true;
  std::function<void()> again = [&] {
    ++ran;
    if (go_on) asio::post(loop.get_executor(), again);
  };
  run_on(loop, [&]() -> Task<> {
    TurnTaking turns(loop);
    for (int n = 0; n < 1000; ++n) asio::post(loop.get_executor(), again);
    // Waiters are resumed twice a turn, handlers run once.
    std::size_t before = 0;
    std::size_t most = 0;
    for (int wait = 0; wait < 40; ++wait) {
      co_await turns.yield();
      most = std::max(most, ran - before);
      before = ran;
    }
    EXPECT_EQ(most, 256u) << "as many as a turn takes, and no more";
    EXPECT_GE(ran, 18u * 256u) << "a loop with handlers does not wait";
    go_on = false;
    EXPECT_TRUE(co_await loop.context().finished(loop.now() + 10s));
    EXPECT_FALSE(loop.context().has_handlers());
  });
}

// --- memory

struct Counts {
  std::size_t taken = 0;
  std::size_t live = 0;
};
template <class T>
struct CountingAllocator {
  using value_type = T;
  Counts* counts;

  explicit CountingAllocator(Counts& of) noexcept : counts(&of) {}
  template <class U>
  CountingAllocator(const CountingAllocator<U>& other) noexcept : counts(other.counts) {}
  T* allocate(std::size_t n) {
    ++counts->taken;
    ++counts->live;
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* place, std::size_t n) noexcept {
    --counts->live;
    std::allocator<T>().deallocate(place, n);
  }
  template <class U>
  bool operator==(const CountingAllocator<U>& other) const noexcept {
    return counts == other.counts;
  }
};

TEST(LoopExecutor, HandlersLieInMemoryOfTheAllocatorAndItIsFreeBeforeTheyRun) {
  Loop loop;
  Counts counts;
  std::size_t live = 99;
  const auto executor =
      asio::require(loop.get_executor(), execution::allocator(CountingAllocator<void>(counts)),
                    execution::blocking.never);
  EXPECT_EQ(asio::query(executor, execution::allocator).counts, &counts);
  executor.execute([&] {
    live = counts.live;
    loop.stop();
  });
  EXPECT_EQ(counts.live, 1u);
  loop.run();
  EXPECT_EQ(live, 0u);
  EXPECT_EQ(counts.taken, 1u);
  {
    Loop never_run;
    asio::require(never_run.get_executor(), execution::allocator(CountingAllocator<void>(counts)))
        .execute([] {});
    EXPECT_EQ(counts.live, 1u);
  }
  EXPECT_EQ(counts.live, 0u);
}

// --- the end

TEST(LoopExecutor, HandlersThatAreLeftAreDestroyedAndDoNotRun) {
  const auto alive = std::make_shared<int>(0);
  auto loop = std::make_unique<Loop>();
  const LoopExecutor executor = loop->get_executor();
  const auto tracked = asio::require(executor, execution::outstanding_work.tracked);
  auto strand = std::make_optional(asio::make_strand(executor));
  const auto held = [&] { return [alive] { ++*alive; }; };
  // One that posts when it is destroyed, as Asio's coroutines do.
  struct Poster {
    LoopExecutor executor;
    std::shared_ptr<int> alive;
    Poster(LoopExecutor on, std::shared_ptr<int> held) : executor(on), alive(std::move(held)) {}
    Poster(Poster&&) = default;
    ~Poster() {
      if (alive) asio::post(executor, [held = alive] { ++*held; });
    }
    void operator()() { ++*alive; }
  };
  asio::post(executor, [&, raw = loop.get()] {
    // These come while the loop runs, and are its last.
    for (int n = 0; n < 3; ++n) asio::post(executor, held());
    for (int n = 0; n < 3; ++n) asio::post(*strand, held());
    asio::post(executor, Poster(executor, alive));
    raw->stop();
    for (int n = 0; n < 300; ++n) asio::post(executor, [] {});
    for (int n = 0; n < 3; ++n) asio::post(executor, held());
  });
  loop->run();
  const int ran = *alive;
  for (int n = 0; n < 3; ++n) asio::post(executor, held());
  for (int n = 0; n < 3; ++n) asio::post(*strand, held());
  asio::post(tracked, held());
  EXPECT_GT(alive.use_count(), 6);
  loop.reset();
  EXPECT_EQ(alive.use_count(), 1);
  asio::post(executor, held());
  asio::post(tracked, held());
  asio::post(*strand, held());
  strand.reset();
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_EQ(*alive, ran);
}

TEST(LoopExecutor, ACoroutineThatWaitsWhenItsLoopEndsIsDestroyed) {
  const auto alive = std::make_shared<int>(0);
  MainContext main;
  asio::steady_timer timer(main.context, 1h);
  {
    Loop loop;
    const auto waits = [&](std::shared_ptr<int> held) -> LoopAwaitable<> {
      loop.stop();
      co_await timer.async_wait(use_loop_awaitable);
      ++*held;
    };
    asio::co_spawn(loop.get_executor(), waits(alive), asio::detached);
    loop.run();
    EXPECT_EQ(alive.use_count(), 2);
  }
  timer.cancel();
  // The completion finds no loop: the coroutine goes with it, on the main thread.
  for (int n = 0; n < 5000 && alive.use_count() != 1; ++n) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_EQ(*alive, 0);
}

TEST(LoopExecutor, WhatAHandlerThrowsLeavesRunAndTheRestIsStillThere) {
  Loop loop;
  std::string order;
  const LoopExecutor executor = loop.get_executor();
  asio::post(executor, [&] { order += 'a'; });
  asio::post(executor, [] { throw std::runtime_error("posted"); });
  asio::post(executor, [&] {
    asio::dispatch(executor, [&] {
      order += 'b';
      throw std::logic_error("dispatched");
    });
    order += 'c';
  });
  EXPECT_THROW(loop.run(), std::runtime_error);
  EXPECT_EQ(order, "a");
  EXPECT_THROW(loop.run(), std::logic_error);
  EXPECT_EQ(order, "abc") << "whoever dispatched went on";
  asio::post(executor, [&] {
    order += 'd';
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(order, "abcd");
  EXPECT_FALSE(executor.running_in_this_thread());
}

TEST(LoopExecutor, FinishedWaitsForHandlersAndForOutstandingWork) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    LoopContext& context = loop.context();
    EXPECT_TRUE(co_await context.finished(loop.now() + 10s)) << "nothing was begun";
    int ran = 0;
    for (int n = 0; n < 1000; ++n) asio::post(loop.get_executor(), [&] { ++ran; });
    EXPECT_TRUE(co_await context.finished(loop.now() + 10s));
    EXPECT_EQ(ran, 1000);
    auto guard = std::make_optional(asio::make_work_guard(loop.get_executor()));
    EXPECT_EQ(context.outstanding_work(), 1u);
    EXPECT_FALSE(co_await context.finished(loop.now() + 5ms));
    for (int n = 0; n < 100; ++n) {
      if (!guard) guard.emplace(loop.get_executor());
      const std::jthread elsewhere([&] { guard.reset(); });
      EXPECT_TRUE(co_await context.finished(loop.now() + 10s));
      EXPECT_EQ(context.outstanding_work(), 0u);
    }
  });
}

// --- Asio's own on it

TEST(LoopExecutor, AStrandKeepsItsOrder) {
  Loop loop;
  const auto strand = asio::make_strand(loop.get_executor());
  std::vector<int> order;
  run_on(loop, [&]() -> Task<> {
    std::jthread poster([&] {
      for (int n = 0; n < 1000; ++n) {
        asio::post(strand, [&, n] {
          EXPECT_TRUE(strand.running_in_this_thread());
          order.push_back(n);
        });
      }
    });
    EXPECT_TRUE(co_await until(loop, [&] { return order.size() == 1000; }));
    poster.join();
    // Within the strand: at once. Beside it: behind what it has.
    std::string said;
    asio::post(strand, [&] {
      asio::post(strand, [&] { said += 'c'; });
      asio::dispatch(strand, [&] { said += 'a'; });
      said += 'b';
    });
    EXPECT_TRUE(co_await until(loop, [&] { return said.size() == 3; }));
    EXPECT_EQ(said, "abc");
  });
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(LoopExecutor, ATimerOfTheMainContextCompletesOnTheLoop) {
  MainContext main;
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    const auto here = std::this_thread::get_id();
    asio::steady_timer timer(main.context, 1ms);
    std::thread::id at{};
    boost::system::error_code got = asio::error::eof;
    Waiter waiter(loop);
    timer.async_wait(asio::bind_executor(loop.get_executor(), [&](boost::system::error_code error) {
      at = std::this_thread::get_id();
      got = error;
      waiter.notify();
    }));
    EXPECT_EQ(loop.context().outstanding_work(), 1u) << "the operation says that it comes";
    co_await waiter.wait(loop.now() + 10s);
    EXPECT_EQ(at, here);
    EXPECT_FALSE(got);
    EXPECT_TRUE(co_await loop.context().finished(loop.now() + 10s));
  });
}

LoopAwaitable<int> sum_after(asio::steady_timer& timer, int a, int b) {
  timer.expires_after(1ms);
  co_await timer.async_wait(use_loop_awaitable);
  co_return a + b;
}

TEST(LoopExecutor, CoroutinesOfAsioRunOnIt) {
  MainContext main;
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    const auto here = std::this_thread::get_id();
    int ended = 0;
    const auto whole = [&]() -> LoopAwaitable<int> {
      asio::steady_timer timer(main.context);
      EXPECT_EQ(std::this_thread::get_id(), here);
      const int first = co_await sum_after(timer, 1, 2);
      EXPECT_EQ(std::this_thread::get_id(), here);
      const int second = co_await sum_after(timer, first, 3);
      const LoopExecutor executor = co_await asio::this_coro::executor;
      EXPECT_EQ(executor, loop.get_executor());
      co_return second;
    };
    asio::co_spawn(loop.get_executor(), whole(), [&](std::exception_ptr error, int value) {
      EXPECT_EQ(std::this_thread::get_id(), here);
      EXPECT_FALSE(error);
      EXPECT_EQ(value, 6);
      ++ended;
    });
    const auto fails = []() -> LoopAwaitable<> {
      throw std::runtime_error("as it should");
      co_return;
    };
    asio::co_spawn(loop.get_executor(), fails(), [&](std::exception_ptr error) {
      EXPECT_THROW(std::rethrow_exception(error), std::runtime_error);
      ++ended;
    });
    EXPECT_TRUE(co_await until(loop, [&] { return ended == 2; }));
  });
}

TEST(LoopExecutor, ASlotCancelsACoroutineAndWhatItAwaits) {
  MainContext main;
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    asio::cancellation_signal stop;
    boost::system::error_code got;
    bool waits = false;
    bool ended = false;
    const auto waiting = [&]() -> LoopAwaitable<> {
      asio::steady_timer timer(main.context, 1h);
      waits = true;
      try {
        co_await timer.async_wait(use_loop_awaitable);
      } catch (const boost::system::system_error& error) {
        got = error.code();
      }
    };
    asio::co_spawn(loop.get_executor(), waiting(),
                   asio::bind_cancellation_slot(stop.slot(),
                                                [&](std::exception_ptr error) { ended = !error; }));
    EXPECT_TRUE(co_await until(loop, [&] { return waits; }));
    stop.emit(asio::cancellation_type::terminal);
    EXPECT_TRUE(co_await until(loop, [&] { return ended; }));
    EXPECT_EQ(got, asio::error::operation_aborted);
  });
}

}  // namespace
}  // namespace weir::net
