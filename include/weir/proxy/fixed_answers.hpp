// A route's last handler when it needs no upstream: redirects and fixed answers. Const after
// construction, shared by all workers.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "weir/config/model.hpp"
#include "weir/http/handler.hpp"

namespace weir::proxy {

// The templates were checked by the loader; `path_params` are the names of the route's path.
std::unique_ptr<Handler> make_redirect(const config::Redirect& redirect,
                                       std::span<const std::string> path_params);
std::unique_ptr<Handler> make_respond(const config::Respond& respond,
                                      std::span<const std::string> path_params);

}  // namespace weir::proxy
