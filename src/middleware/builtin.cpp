#include "weir/middleware/builtin.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <variant>

#include "middleware/rate_limit.hpp"
#include "middleware/types.hpp"

namespace weir {
namespace {

constexpr std::array builtins{
    BuiltinMiddleware{"cors",
                      "outermost: answers preflights, which carry no credentials, and lets scripts "
                      "read the refusals of those within"},
    BuiltinMiddleware{"ip_filter", "the cheapest refusal: nothing is worked out for the unwelcome"},
    BuiltinMiddleware{"rate_limit",
                      "before all that costs; one by a claim stands behind the jwt that makes it"},
    BuiltinMiddleware{"concurrency_limit",
                      "behind the rate limits, whose refusals then take nobody's place"},
    BuiltinMiddleware{"body_limit",
                      "refuses by Content-Length before a password is hashed or a body read"},
    BuiltinMiddleware{"headers",
                      "outside of whoever may refuse, so that its response fields are on refusals "
                      "too"},
    BuiltinMiddleware{"api_key", "one digest: before the checks that take longer"},
    BuiltinMiddleware{"basic_auth", "the dearest check in here, for those who passed all others"},
    BuiltinMiddleware{"forward_auth",
                      "innermost: asks another server, and tells it who was found already"},
    BuiltinMiddleware{
        "jwt",
        "inside of what refuses without a look at the caller; outside of what counts or "
        "chooses by claims"},
};
static_assert(builtins.size() == std::variant_size_v<config::MiddlewareSpec>);

template <class... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};

}  // namespace

std::span<const BuiltinMiddleware> builtin_middleware() noexcept { return builtins; }

std::shared_ptr<Middleware> make_middleware(const config::Middleware& config,
                                            std::span<const std::string> path_params,
                                            const MiddlewareServices& services) {
  return std::visit(
      Overloaded{
          [](const config::Cors& spec) { return make_cors(spec); },
          [](const config::IpFilter& spec) { return make_ip_filter(spec); },
          [](const config::BodyLimit& spec) { return make_body_limit(spec); },
          [&](const config::Headers& spec) { return make_headers(spec, path_params); },
          [&](const config::BasicAuth& spec) { return make_basic_auth(spec, services.offload); },
          [&](const config::RateLimit& spec) {
            return make_rate_limit(config.name, spec, services);
          },
          [&](const config::ConcurrencyLimit& spec) {
            return make_concurrency_limit(config.name, spec, services);
          },
          [](const config::ApiKey& spec) { return make_api_key(spec); },
          [&](const config::ForwardAuth& spec) {
            return make_forward_auth(spec, services.subrequest(spec.upstream));
          },
          [&](const config::Jwt& spec) { return make_jwt(config.name, spec, services); },
      },
      config.spec);
}

std::vector<Chain> build_chains(const config::Config& config, const MiddlewareServices& services) {
  std::map<std::string, std::vector<std::string>, std::less<>> params;  // of each used middleware
  for (const config::Route& route : config.routes) {
    for (const std::string& name : route.middleware) {
      std::vector<std::string>& known = params[name];
      for (const std::string& param : route.match.path_params) {
        if (std::ranges::find(known, param) == known.end()) known.push_back(param);
      }
    }
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
