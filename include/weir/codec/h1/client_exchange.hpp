// A request and its answer on an HTTP/1 connection. Worker thread only.
#pragma once

#include <memory>

#include "weir/codec/client_exchange.hpp"
#include "weir/net/stream.hpp"

namespace weir::codec::h1 {

// `stream`, `clock`, `scope` and `owner` outlive it. `scope` says why it was cancelled.
// `header_size` bounds a head; `lenient`: which faults of the answer are forgiven.
std::unique_ptr<ClientExchange> make_client_exchange(net::Stream& stream, TransferClock& clock,
                                                     const CancelScope& scope,
                                                     ClientExchange::Owner& owner, Method method,
                                                     std::size_t header_size,
                                                     config::Lenient lenient = {});

}  // namespace weir::codec::h1
