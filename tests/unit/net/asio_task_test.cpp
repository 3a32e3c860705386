#include "weir/net/asio_task.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "net/loop_run.hpp"
#include "net/main_context.hpp"
#include "weir/net/sleep.hpp"

namespace weir::net {
namespace {

using namespace std::chrono_literals;

class AsioTask : public ::testing::Test {
 protected:
  // Of the main context, with its other end.
  struct Pair {
    asio::posix::stream_descriptor ours;
    Descriptor theirs;
  };
  Pair make_pair() {
    std::array<int, 2> fds{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()), 0);
    return {asio::posix::stream_descriptor(main_.context, fds[0]), Descriptor(fds[1])};
  }

  MainContext main_;
  Loop loop_;
};

TEST_F(AsioTask, ATaskAwaitsAnOperationOfTheMainContext) {
  run_on(loop_, [&]() -> Task<> {
    const auto here = std::this_thread::get_id();
    asio::steady_timer timer(main_.context, 1ms);
    const auto waited = co_await as_task(loop_, timer.async_wait(asio::deferred));
    static_assert(
        std::is_same_v<decltype(waited), const std::expected<void, boost::system::error_code>>);
    EXPECT_TRUE(waited);
    EXPECT_EQ(std::this_thread::get_id(), here);
    // The task is resumed by its loop, which has turned: it knows the loop that runs here.
    timer.expires_after(1ms);
    EXPECT_TRUE(co_await as_task(timer.async_wait(asio::deferred)));
    timer.expires_after(1ms);
    EXPECT_TRUE(co_await timer.async_wait(UseTask{&loop_}));
  });
}

TEST_F(AsioTask, ItGivesWhatTheOperationCompletesWith) {
  run_on(loop_, [&]() -> Task<> {
    Pair pair = make_pair();
    std::string got(5, ' ');
    EXPECT_EQ(::write(pair.theirs.get(), "hello", 5), 5);
    const auto read =
        co_await as_task(loop_, asio::async_read(pair.ours, asio::buffer(got), asio::deferred));
    EXPECT_EQ(read, 5u);
    EXPECT_EQ(got, "hello");
    EXPECT_EQ(::write(pair.theirs.get(), "he", 2), 2);
    pair.theirs = Descriptor();
    const auto cut = co_await as_task(
        loop_, asio::async_read(pair.ours, asio::buffer(got), asio::as_tuple(asio::deferred)));
    EXPECT_EQ(std::get<0>(cut), asio::error::eof);
    EXPECT_EQ(std::get<1>(cut), 2u);
    const auto end =
        co_await as_task(loop_, asio::async_read(pair.ours, asio::buffer(got), asio::deferred));
    EXPECT_EQ(end, std::unexpected(boost::system::error_code(asio::error::eof)));
    // Without an error there is nothing to unpack.
    co_await as_task(loop_, asio::post(loop_.get_executor(), asio::deferred));
  });
}

TEST_F(AsioTask, ACancelledScopeCancelsTheOperation) {
  run_on(loop_, [&]() -> Task<> {
    Pair pair = make_pair();
    CancelScope scope;
    TaskGroup group(loop_);
    std::string got(5, ' ');
    std::expected<std::size_t, boost::system::error_code> read = 7u;
    const auto reads = [&]() -> Task<> {
      read = co_await as_task(loop_, asio::async_read(pair.ours, asio::buffer(got), asio::deferred),
                              &scope);
    };
    group.spawn(reads());
    EXPECT_FALSE(co_await group.join(loop_.now() + 5ms));
    scope.cancel(Reason::client_closed);
    EXPECT_TRUE(co_await group.join(loop_.now() + 10s));
    EXPECT_EQ(read, std::unexpected(boost::system::error_code(asio::error::operation_aborted)));
    // One that begins too late begins nothing: what comes is still there for the next.
    EXPECT_EQ(::write(pair.theirs.get(), "hello", 5), 5);
    const auto late = co_await as_task(
        loop_, asio::async_read(pair.ours, asio::buffer(got), asio::deferred), &scope);
    EXPECT_FALSE(late);
    EXPECT_EQ(got, "     ");
    const auto next =
        co_await as_task(loop_, asio::async_read(pair.ours, asio::buffer(got), asio::deferred));
    EXPECT_EQ(next, 5u);
  });
}

TEST_F(AsioTask, ATaskThatIsDestroyedWhileItWaitsCancelsItsOperation) {
  run_on(loop_, [&]() -> Task<> {
    Pair pair = make_pair();
    const auto buffer = std::make_unique<std::array<char, 5>>();
    {
      auto task =
          as_task(loop_, asio::async_read(pair.ours, asio::buffer(*buffer), asio::deferred));
      const auto awaiting = task.finished();
      EXPECT_FALSE(awaiting.await_ready());
      EXPECT_NE(loop_.context().outstanding_work(), 0u);
    }
    EXPECT_TRUE(co_await loop_.context().finished(loop_.now() + 10s));
  });
}

TEST_F(AsioTask, AnOperationWhoseContextIsGoneIsAborted) {
  run_on(loop_, [&]() -> Task<> {
    auto short_lived = std::make_unique<asio::io_context>();
    auto timer = std::make_unique<asio::steady_timer>(*short_lived, 1h);
    TaskGroup group(loop_);
    boost::system::error_code error;
    bool threw = false;
    const auto waits = [&]() -> Task<> {
      const auto waited = co_await as_task(loop_, timer->async_wait(asio::deferred));
      if (!waited) error = waited.error();
    };
    const auto never_runs = [&]() -> Task<> {
      const asio::any_io_executor executor = short_lived->get_executor();
      try {
        co_await as_task(loop_, asio::post(executor, asio::deferred));
        // The completion comes by that context, which nobody runs.
        auto through =
            asio::co_spawn(executor, []() -> asio::awaitable<void> { co_return; }, asio::deferred);
        co_await as_task(loop_, std::move(through));
      } catch (const boost::system::system_error& thrown) {
        threw = thrown.code() == asio::error::operation_aborted;
      }
    };
    group.spawn(waits());
    group.spawn(never_runs());
    std::jthread elsewhere([&] {
      timer.reset();
      short_lived.reset();
    });
    EXPECT_TRUE(co_await group.join(loop_.now() + 10s));
    EXPECT_EQ(error, asio::error::operation_aborted);
    EXPECT_TRUE(threw);
  });
}

TEST_F(AsioTask, ATaskAwaitsACoroutineOfAsio) {
  run_on(loop_, [&]() -> Task<> {
    asio::steady_timer timer(main_.context);
    const auto adds = [&](int a, int b) -> LoopAwaitable<int> {
      timer.expires_after(1ms);
      co_await timer.async_wait(use_loop_awaitable);
      if (a < 0) throw std::invalid_argument("negative");
      co_return a + b;
    };
    EXPECT_EQ(co_await as_task(loop_, adds(1, 2)), 3);
    bool threw = false;
    try {
      co_await as_task(loop_, adds(-1, 2));
    } catch (const std::invalid_argument&) {
      threw = true;
    }
    EXPECT_TRUE(threw);

    CancelScope scope;
    bool stopped = false;
    const auto waits = [&]() -> LoopAwaitable<> {
      timer.expires_after(1h);
      co_await timer.async_wait(use_loop_awaitable);
    };
    TaskGroup group(loop_);
    const auto task = [&]() -> Task<> {
      try {
        co_await as_task(loop_, waits(), &scope);
      } catch (const boost::system::system_error& error) {
        stopped = error.code() == asio::error::operation_aborted;
      }
    };
    group.spawn(task());
    EXPECT_FALSE(co_await group.join(loop_.now() + 5ms));
    scope.cancel(Reason::draining);
    EXPECT_TRUE(co_await group.join(loop_.now() + 10s));
    EXPECT_TRUE(stopped);
  });
}

TEST_F(AsioTask, ACoroutineOfAsioAwaitsATask) {
  run_on(loop_, [&]() -> Task<> {
    TaskGroup group(loop_);
    int ended = 0;
    const auto whole = [&]() -> LoopAwaitable<> {
      const auto sleeps = [&](CancelScope& scope) -> Task<std::string> {
        EXPECT_TRUE(co_await sleep_until(loop_, loop_.now() + 1ms, &scope));
        co_return "slept";
      };
      EXPECT_EQ(co_await async_task(loop_, group, sleeps, use_loop_awaitable), "slept");
      const auto at_once = [](CancelScope&) -> Task<> { co_return; };
      for (int n = 0; n < 1000; ++n) {
        co_await async_task(loop_, group, at_once, use_loop_awaitable);
      }
      const auto fails = [](CancelScope&) -> Task<int> {
        throw std::runtime_error("as it should");
        co_return 1;
      };
      bool threw = false;
      try {
        co_await async_task(loop_, group, fails, use_loop_awaitable);
      } catch (const std::runtime_error&) {
        threw = true;
      }
      EXPECT_TRUE(threw);
      ++ended;
    };
    asio::co_spawn(loop_.get_executor(), whole(), asio::detached);
    EXPECT_TRUE(co_await until(loop_, [&] { return ended == 1; }));
    EXPECT_EQ(group.size(), 0u);
  });
}

TEST_F(AsioTask, ASlotCancelsTheTaskThatACoroutineAwaits) {
  run_on(loop_, [&]() -> Task<> {
    TaskGroup group(loop_);
    asio::cancellation_signal stop;
    bool ended = false;
    Reason why = Reason::none;
    const auto whole = [&]() -> LoopAwaitable<> {
      const auto sleeps = [&](CancelScope& scope) -> Task<> {
        EXPECT_FALSE(co_await sleep_until(loop_, no_deadline, &scope));
        why = scope.reason();
      };
      co_await async_task(loop_, group, sleeps, use_loop_awaitable);
    };
    asio::co_spawn(
        loop_.get_executor(), whole(),
        asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr) { ended = true; }));
    EXPECT_TRUE(co_await until(loop_, [&] { return group.size() == 1; }));
    stop.emit(asio::cancellation_type::terminal);
    EXPECT_TRUE(co_await until(loop_, [&] { return ended; }));
    EXPECT_EQ(why, Reason::client_closed);
    EXPECT_EQ(group.size(), 0u);
  });
}

// From a scope of ours through a coroutine of Asio to a Task of ours, and back.
TEST_F(AsioTask, CancellationPassesThroughBoth) {
  run_on(loop_, [&]() -> Task<> {
    TaskGroup group(loop_);
    TaskGroup inner(loop_);
    CancelScope scope;
    bool told = false;
    const auto whole = [&]() -> LoopAwaitable<> {
      const auto sleeps = [&](CancelScope& within) -> Task<> {
        told = !co_await sleep_until(loop_, no_deadline, &within);
      };
      co_await async_task(loop_, inner, sleeps, use_loop_awaitable);
    };
    const auto outer = [&]() -> Task<> {
      try {
        co_await as_task(loop_, whole(), &scope);
      } catch (const boost::system::system_error&) {
      }
    };
    group.spawn(outer());
    EXPECT_TRUE(co_await until(loop_, [&] { return inner.size() == 1; }));
    scope.cancel(Reason::client_closed);
    EXPECT_TRUE(co_await group.join(loop_.now() + 10s));
    EXPECT_TRUE(told);
  });
}

}  // namespace
}  // namespace weir::net
