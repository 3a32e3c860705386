// How each type of middleware is made; the classes stay in their files. All of them are for any
// number of routes and all workers.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "weir/base/offload.hpp"
#include "weir/config/model.hpp"
#include "weir/middleware/chain.hpp"

namespace weir {

std::shared_ptr<Middleware> make_cors(const config::Cors& spec);
std::shared_ptr<Middleware> make_ip_filter(const config::IpFilter& spec);
std::shared_ptr<Middleware> make_body_limit(const config::BodyLimit& spec);
std::shared_ptr<Middleware> make_headers(const config::Headers& spec,
                                         std::span<const std::string> path_params);
// `offload` outlives it.
std::shared_ptr<Middleware> make_basic_auth(const config::BasicAuth& spec, Offload& offload);

}  // namespace weir
