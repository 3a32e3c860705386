// The types of middleware that there are, and the chains of a configuration built from them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/config/model.hpp"
#include "weir/middleware/chain.hpp"
#include "weir/middleware/services.hpp"

namespace weir {

// What a type is called in the file, and where in a route's list it is at its best.
struct BuiltinMiddleware {
  std::string_view type;
  std::string_view reason;
};

// All types, from the outermost place to the innermost. Lives as long as the process.
std::span<const BuiltinMiddleware> builtin_middleware() noexcept;

// The middleware that `config` describes, for any number of routes and all workers. `path_params`
// are the names that its values may use: those of all its routes. `services` is only used here.
// Throws std::invalid_argument for what the loader should have refused.
std::shared_ptr<Middleware> make_middleware(const config::Middleware& config,
                                            std::span<const std::string> path_params,
                                            const MiddlewareServices& services);

// One chain for each route, in the order of `config.routes`. A middleware that several routes name
// is one object. Throws like make_middleware, and for a name that is not there.
std::vector<Chain> build_chains(const config::Config& config, const MiddlewareServices& services);

}  // namespace weir
