#include "weir/middleware/builtin.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <tuple>
#include <variant>

#include "middleware/api_key/api_key.hpp"
#include "middleware/basic_auth/basic_auth.hpp"
#include "middleware/body_limit/body_limit.hpp"
#include "middleware/concurrency_limit/concurrency_limit.hpp"
#include "middleware/cors/cors.hpp"
#include "middleware/forward_auth/forward_auth.hpp"
#include "middleware/headers/headers.hpp"
#include "middleware/ip_filter/ip_filter.hpp"
#include "middleware/jwt/jwt.hpp"
#include "middleware/load_shed/load_shed.hpp"
#include "middleware/rate_limit/rate_limit.hpp"
#include "middleware/type.hpp"

namespace weir {
namespace {

// All types, from the outermost place in a route's list to the innermost.
constexpr std::tuple builtins{
    MiddlewareType<config::Cors>{
        "outermost: answers preflights, which carry no credentials, and lets scripts read the "
        "refusals of those within",
        make_cors, explain_cors, sets_no_fields, Preflights::answered},
    MiddlewareType<config::LoadShed>{
        "before all that costs: with too much to do, a refusal takes one look at a number",
        make_load_shed, explain_load_shed, sets_no_fields, Preflights::forwarded},
    MiddlewareType<config::IpFilter>{
        "the cheapest refusal: nothing is worked out for the unwelcome", make_ip_filter,
        explain_ip_filter, sets_no_fields, Preflights::forwarded},
    MiddlewareType<config::RateLimit>{
        "before all that costs; one by a claim stands behind the jwt that makes it",
        make_rate_limit, explain_rate_limit, sets_no_fields, Preflights::forwarded},
    MiddlewareType<config::ConcurrencyLimit>{
        "behind the rate limits, whose refusals then take nobody's place", make_concurrency_limit,
        explain_concurrency_limit, sets_no_fields, Preflights::forwarded},
    MiddlewareType<config::BodyLimit>{
        "refuses by Content-Length before a password is hashed or a body read", make_body_limit,
        explain_body_limit, sets_no_fields, Preflights::forwarded},
    // An operator's own fields are no caller's identity.
    MiddlewareType<config::Headers>{
        "outside of whoever may refuse, so that its response fields are on refusals too",
        make_headers, explain_headers, sets_no_fields, Preflights::forwarded},
    MiddlewareType<config::ApiKey>{"one digest: before the checks that take longer", make_api_key,
                                   explain_api_key, sets_no_fields, Preflights::forwarded},
    MiddlewareType<config::BasicAuth>{"the dearest check in here, for those who passed all others",
                                      make_basic_auth, explain_basic_auth, fields_of_basic_auth,
                                      Preflights::forwarded},
    MiddlewareType<config::ForwardAuth>{
        "innermost: asks another server, and tells it who was found already", make_forward_auth,
        explain_forward_auth, fields_of_forward_auth, Preflights::forwarded},
    MiddlewareType<config::Jwt>{
        "inside of what refuses without a look at the caller; outside of what counts or chooses "
        "by claims",
        make_jwt, explain_jwt, fields_of_jwt, Preflights::forwarded},
};
static_assert(std::tuple_size_v<decltype(builtins)> == std::variant_size_v<config::MiddlewareSpec>);

// Calls fn(row, spec) for the type of `spec`. A type without a row does not compile, nor does one
// with two.
template <class Fn>
auto with_type(const config::MiddlewareSpec& spec, Fn fn) {
  return std::visit(
      [&]<class Spec>(const Spec& each) {
        return fn(std::get<MiddlewareType<Spec>>(builtins), each);
      },
      spec);
}

// Adds the path parameters of `route` that are not in `known`.
void add_params(std::vector<std::string>& known, const config::Route& route) {
  for (const std::string& param : route.match.path_params) {
    if (std::ranges::find(known, param) == known.end()) known.push_back(param);
  }
}

}  // namespace

std::shared_ptr<Middleware> make_middleware(const config::Middleware& config,
                                            std::span<const std::string> path_params,
                                            const MiddlewareServices& services) {
  return with_type(config.spec, [&](const auto& type, const auto& spec) {
    return type.make(spec, {config.name, path_params, services});
  });
}

Explained explain_middleware(const config::Config& config, const config::Middleware& middleware,
                             Request& request, Exchange& exchange) {
  std::vector<std::string> params;
  for (const config::Route& route : config.routes) {
    if (std::ranges::find(route.middleware, middleware.name) != route.middleware.end()) {
      add_params(params, route);
    }
  }
  return with_type(middleware.spec, [&](const auto& type, const auto& spec) {
    Explaining asked{request, exchange, params};
    return type.explain(spec, asked);
  });
}

std::vector<std::string> fields_set_by(const config::MiddlewareSpec& spec) {
  return with_type(spec, [](const auto& type, const auto& each) { return type.sets_fields(each); });
}

bool answers_preflights(const config::MiddlewareSpec& spec) noexcept {
  return with_type(
      spec, [](const auto& type, const auto&) { return type.preflights == Preflights::answered; });
}

std::vector<Chain> build_chains(const config::Config& config, const MiddlewareServices& services) {
  std::map<std::string, std::vector<std::string>, std::less<>> params;  // of each used middleware
  for (const config::Route& route : config.routes) {
    for (const std::string& name : route.middleware) add_params(params[name], route);
  }
  std::map<std::string, std::shared_ptr<Middleware>, std::less<>> made;
  for (const auto& [name, path_params] : params) {
    const config::Middleware* found = config.find_middleware(name);
    if (found == nullptr) throw std::invalid_argument("unknown middleware '" + name + "'");
    made.emplace(name, make_middleware(*found, path_params, services));
  }
  std::vector<Chain> chains;
  chains.reserve(config.routes.size());
  for (const config::Route& route : config.routes) {
    std::vector<std::shared_ptr<Middleware>> layers;
    for (const std::string& name : route.middleware) layers.push_back(made.find(name)->second);
    if (auto around = rate_limit_headers(layers)) layers.insert(layers.begin(), std::move(around));
    chains.emplace_back(std::move(layers));
  }
  return chains;
}

}  // namespace weir
