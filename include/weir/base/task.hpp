// A coroutine of a worker. The executor is concrete, so nothing is type-erased on the hot path. A
// Task runs on the thread of the io_context it was spawned on and never moves to another.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

namespace weir {

namespace asio = boost::asio;

template <class T = void>
using Task = asio::awaitable<T, asio::io_context::executor_type>;

}  // namespace weir
