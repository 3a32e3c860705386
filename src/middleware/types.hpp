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
#include "weir/middleware/services.hpp"
#include "weir/middleware/subrequest.hpp"

namespace weir {

std::shared_ptr<Middleware> make_cors(const config::Cors& spec);
std::shared_ptr<Middleware> make_ip_filter(const config::IpFilter& spec);
std::shared_ptr<Middleware> make_body_limit(const config::BodyLimit& spec);
std::shared_ptr<Middleware> make_headers(const config::Headers& spec,
                                         std::span<const std::string> path_params);
// `offload` outlives it.
std::shared_ptr<Middleware> make_basic_auth(const config::BasicAuth& spec, Offload& offload);
// Their state is kept under `name`.
std::shared_ptr<Middleware> make_rate_limit(std::string_view name, const config::RateLimit& spec,
                                            const MiddlewareServices& services);
std::shared_ptr<Middleware> make_concurrency_limit(std::string_view name,
                                                   const config::ConcurrencyLimit& spec,
                                                   const MiddlewareServices& services);

std::shared_ptr<Middleware> make_api_key(const config::ApiKey& spec);
// Asks by `asked`.
std::shared_ptr<Middleware> make_forward_auth(const config::ForwardAuth& spec,
                                              std::shared_ptr<Subrequest> asked);
// `name` is the policy's, in metrics and for what is kept over reloads. Throws
// std::invalid_argument for keys that cannot be used.
std::shared_ptr<Middleware> make_jwt(const std::string& name, const config::Jwt& spec,
                                     const MiddlewareServices& services);

}  // namespace weir
