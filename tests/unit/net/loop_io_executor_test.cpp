#include "weir/net/loop_io_executor.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <string>
#include <thread>

#include "net/loop_run.hpp"
#include "net/main_context.hpp"

namespace weir::net {
namespace {

using namespace std::chrono_literals;

static_assert(std::is_convertible_v<LoopIoExecutor, asio::any_io_executor>);
static_assert(std::is_constructible_v<asio::steady_timer, LoopIoExecutor>);

// As a library has it: it knows nothing of loops.
asio::awaitable<std::string> echo_through(int near, int far, std::thread::id here) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  asio::posix::stream_descriptor one(executor, near);
  asio::posix::stream_descriptor two(executor, far);
  asio::steady_timer timer(executor, 1ms);
  co_await timer.async_wait(asio::use_awaitable);
  EXPECT_EQ(std::this_thread::get_id(), here);
  const auto answer = [&]() -> asio::awaitable<void> {
    std::array<char, 5> got{};
    co_await asio::async_read(two, asio::buffer(got), asio::use_awaitable);
    EXPECT_EQ(std::this_thread::get_id(), here);
    co_await asio::async_write(two, asio::buffer(got), asio::use_awaitable);
  };
  asio::co_spawn(executor, answer(), asio::detached);
  co_await asio::async_write(one, asio::buffer("hello", 5), asio::use_awaitable);
  std::string got(5, ' ');
  co_await asio::async_read(one, asio::buffer(got), asio::use_awaitable);
  EXPECT_EQ(std::this_thread::get_id(), here);
  co_return got;
}

TEST(LoopIoExecutor, ALibraryOfAsioRunsOnTheLoopWithItsObjectsOnTheMainContext) {
  MainContext main;
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    std::array<int, 2> pair{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
    const auto here = std::this_thread::get_id();
    std::string got;
    bool ended = false;
    asio::co_spawn(io_executor(loop, main.context), echo_through(pair[0], pair[1], here),
                   [&](std::exception_ptr error, std::string said) {
                     EXPECT_FALSE(error);
                     EXPECT_EQ(std::this_thread::get_id(), here);
                     got = std::move(said);
                     ended = true;
                   });
    EXPECT_TRUE(co_await until(loop, [&] { return ended; }));
    EXPECT_EQ(got, "hello");
    EXPECT_TRUE(co_await loop.context().finished(loop.now() + 10s));
  });
}

TEST(LoopIoExecutor, ItsStrandsRunOnTheLoop) {
  asio::io_context main;  // nobody runs it: strands need no reactor
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    const auto strand = asio::make_strand(io_executor(loop, main));
    const auto here = std::this_thread::get_id();
    int ran = 0;
    std::jthread poster([&] {
      for (int n = 0; n < 100; ++n) {
        asio::post(strand, [&] { ran += std::this_thread::get_id() == here ? 1 : 0; });
      }
    });
    EXPECT_TRUE(co_await until(loop, [&] { return ran == 100; }));
  });
}

}  // namespace
}  // namespace weir::net
