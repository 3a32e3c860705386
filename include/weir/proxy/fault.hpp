// Failures on purpose, right before a route's last handler: requests that wait, requests that are
// answered with an error. Who was refused by the chain never comes here. One a route of a snapshot,
// shared by all workers; what changes is kept per worker.
#pragma once

#include <array>
#include <memory>
#include <string_view>

#include "weir/config/model.hpp"
#include "weir/http/handler.hpp"

namespace weir::proxy {

// What a trusted peer may ask for, on routes that have `fault`: a delay ("200ms", "2s", or a plain
// number of milliseconds, at most a minute) and a status (200 to 599).
inline constexpr std::string_view fault_delay_field = "x-weir-fault-delay";
inline constexpr std::string_view fault_abort_field = "x-weir-fault-abort";

// `last` in a wrapping that fails now and then. `route`, which has `fault`, outlives it.
std::unique_ptr<Handler> make_fault(const config::Route& route, unsigned workers,
                                    std::unique_ptr<Handler> last);

}  // namespace weir::proxy
