// What must not compile on a Loop: tests/CMakeLists.txt compiles each case and asks for the reason.
// CASE 0 is the control, the same things made as they should be.
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/strand.hpp>
#include <chrono>

#include "weir/net/loop_io_executor.hpp"

namespace weir::net {

using Steady = std::chrono::steady_clock;
template <class Executor>
using TimerOn = asio::basic_waitable_timer<Steady, asio::wait_traits<Steady>, Executor>;
template <class Executor>
using DescriptorOn = asio::posix::basic_stream_descriptor<Executor>;

inline void make(Loop& loop, [[maybe_unused]] asio::io_context& main) {
  const LoopExecutor executor = loop.get_executor();
#if CASE == 0
  TimerOn<asio::io_context::executor_type> on_main(main);
  on_main.async_wait(
      asio::bind_executor(asio::make_strand(executor), [](boost::system::error_code) {}));
  const TimerOn<LoopIoExecutor> timer(io_executor(loop, main));
  const DescriptorOn<LoopIoExecutor> descriptor(io_executor(loop, main));
#elif CASE == 1
  const TimerOn<LoopExecutor> timer(executor);
#elif CASE == 2
  const DescriptorOn<LoopExecutor> descriptor(executor);
#elif CASE == 3
  const TimerOn<asio::strand<LoopExecutor> > timer(asio::make_strand(executor));
#endif
}

}  // namespace weir::net
