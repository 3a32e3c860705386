// Asio. Its reactor serves the main thread alone: signals, the admin address, discovery; its
// handlers and coroutines run on loops, too (weir/net/loop_executor.hpp).
#pragma once

#include <boost/asio/io_context.hpp>

namespace weir {
namespace asio = boost::asio;
}  // namespace weir
