// The types of middleware that there are, and the chains of a configuration built from them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "weir/config/model.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/middleware/chain.hpp"
#include "weir/middleware/explained.hpp"
#include "weir/middleware/services.hpp"

namespace weir {

// The middleware that `config` describes, for any number of routes and all workers. `path_params`
// are the names that its values may use: those of all its routes. `services` is only used here.
// Throws std::invalid_argument for what the loader should have refused.
std::shared_ptr<Middleware> make_middleware(const config::Middleware& config,
                                            std::span<const std::string> path_params,
                                            const MiddlewareServices& services);

// What `middleware` would make of `request`, which has a route and is changed as the middleware
// would change it before the next one sees it. Judged by the functions that the middleware itself
// calls. What only a running gateway knows (how much of a limit is used), and what costs much to
// check (passwords, signatures, another service's word), is told as what would be asked.
Explained explain_middleware(const config::Config& config, const config::Middleware& middleware,
                             Request& request, Exchange& exchange);

// Names of the fields by which `spec` tells the upstream who the caller is: no client may send
// them.
std::vector<std::string> fields_set_by(const config::MiddlewareSpec& spec);
// Whether it answers CORS preflights, so that its routes match one by the method it asks for.
bool answers_preflights(const config::MiddlewareSpec& spec) noexcept;

// One chain for each route, in the order of `config.routes`. A middleware that several routes name
// is one object. Throws like make_middleware, and for a name that is not there.
std::vector<Chain> build_chains(const config::Config& config, const MiddlewareServices& services);

}  // namespace weir
