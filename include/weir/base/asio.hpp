// Asio, which serves the main thread alone: signals, the admin address, discovery.
#pragma once

#include <boost/asio/io_context.hpp>

namespace weir {
namespace asio = boost::asio;
}  // namespace weir
