// A loop's executor that brings an io_context along, for code that makes Asio's I/O objects and
// timers from the executor it runs on, or wants an any_io_executor: libraries, asio::awaitable<T>
// as it is by default. These objects live on the io_context, whose thread waits for them; their
// completions, and all other handlers, run on the loop.
//
//   asio::co_spawn(io_executor(loop, main), library_call(), asio::detached);
//
// An object may be used on the loop's thread only, as if it were the loop's. Each wait goes over
// another thread: for control and side services, not for the path of a request.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "weir/base/asio.hpp"
#include "weir/net/loop_executor.hpp"

namespace weir::net {

// What such an executor refers to. Asio finds the io_context as its context.
struct HandlersAndIo {
  using Shown = asio::io_context;
  std::shared_ptr<LoopContext> loop;
  asio::io_context* io;

  Shown& shown() const noexcept { return *io; }
  friend bool operator==(const HandlersAndIo&, const HandlersAndIo&) noexcept = default;
};

using LoopIoExecutor = BasicLoopExecutor<HandlersAndIo, std::allocator<void>, 0>;
static_assert(asio::execution::is_executor<LoopIoExecutor>::value);

// Lives no longer than `io`, which has to run for I/O objects to complete; a thread that waits for
// them without work of its own needs a work guard of `io`. Any thread.
inline LoopIoExecutor io_executor(Loop& loop, asio::io_context& io) noexcept {
  return LoopIoExecutor(HandlersAndIo{loop.get_executor().place().loop, &io});
}

}  // namespace weir::net
