// The example of src/ARCHITECTURE.md, "Asio on a loop": compiled, run, and the same there.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "net/loop_run.hpp"
#include "net/main_context.hpp"
#include "weir/net/asio_task.hpp"
#include "weir/net/loop_executor.hpp"

namespace weir::net {
namespace {

using namespace std::chrono_literals;

// [example]
// On the loop's thread. The timer lives on the main io_context, which waits for it.
LoopAwaitable<int> count_ticks(asio::io_context& main, int ticks) {
  asio::steady_timer timer(main);
  for (int n = 0; n < ticks; ++n) {
    timer.expires_after(1ms);
    co_await timer.async_wait(use_loop_awaitable);
  }
  co_return ticks;
}

// Any thread. The handler runs on the loop, too.
void count_beside(Loop& loop, asio::io_context& main, std::function<void(int)> done) {
  asio::co_spawn(loop.get_executor(), count_ticks(main, 3),
                 [done](std::exception_ptr error, int ticks) { done(error ? -1 : ticks); });
}

// A Task of ours awaits the same; `scope` cancels it, and what it awaits.
Task<int> count_within(Loop& loop, asio::io_context& main, CancelScope& scope) {
  co_return co_await as_task(loop, count_ticks(main, 3), &scope);
}
// [end of example]

TEST(AsioExample, CountsOnTheLoop) {
  MainContext main;
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    int beside = 0;
    count_beside(loop, main.context, [&](int ticks) { beside = ticks; });
    CancelScope scope;
    EXPECT_EQ(co_await count_within(loop, main.context, scope), 3);
    EXPECT_TRUE(co_await until(loop, [&] { return beside == 3; }));
  });
}

std::string whole_text_of(const std::string& file) {
  std::ifstream in(std::string(WEIR_SOURCE_DIR) + "/" + file);
  EXPECT_TRUE(in) << file;
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(AsioExample, StandsInTheDocumentAsItIsHere) {
  const std::string source = whole_text_of("tests/unit/net/asio_example_test.cpp");
  const std::string begin = "// [example]\n";
  const auto from = source.find(begin) + begin.size();
  const std::string example = source.substr(from, source.find("// [end of example]") - from);
  EXPECT_NE(whole_text_of("src/ARCHITECTURE.md").find("```cpp\n" + example + "```\n"),
            std::string::npos)
      << example;
}

}  // namespace
}  // namespace weir::net
