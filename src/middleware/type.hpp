// What the rest of the program needs to know of a type of middleware: `builtin.cpp` has one row for
// each alternative of config::MiddlewareSpec. What a file may say of a type is in the config room,
// which is below this one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/config/middleware.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/middleware/chain.hpp"
#include "weir/middleware/explained.hpp"
#include "weir/middleware/services.hpp"

namespace weir {

// What a middleware is made of beside its spec. References live during the call.
struct Making {
  const std::string& name;                   // the middleware's, for metrics and kept state
  std::span<const std::string> path_params;  // the names that its values may use
  const MiddlewareServices& services;
};

// A request that is explained. The explaining function changes it as the middleware changes a
// request that passes, so that the next one explains what it would see. Main thread.
struct Explaining {
  Request& request;
  Exchange& exchange;                        // its connection has no loop
  std::span<const std::string> path_params;  // as in Making
};

enum class Preflights : std::uint8_t { forwarded, answered };

template <class Spec>
struct MiddlewareType {
  // Throws std::invalid_argument for what the loader should have refused.
  using Make = std::shared_ptr<Middleware>(const Spec& spec, const Making& with);
  using Explain = Explained(const Spec& spec, Explaining& asked);
  using SetsFields = std::vector<std::string>(const Spec& spec);

  // No member can be left out, nor be null: a reference is to a function that there is.
  consteval MiddlewareType(std::string_view why_here, Make& makes, Explain& explains,
                           SetsFields& sets, Preflights preflights_are)
      : reason(why_here),
        make(makes),
        explain(explains),
        sets_fields(sets),
        preflights(preflights_are) {}

  std::string_view reason;  // why it stands where it does among the types, from outside in
  Make* make;
  Explain* explain;  // by the functions that decide about real requests
  // Names of the fields that tell the upstream who the caller is. No client may send them.
  SetsFields* sets_fields;
  Preflights preflights;  // answered: the route's preflights match by the method that they ask for
};

// For types that tell the upstream nothing about the caller.
template <class Spec>
std::vector<std::string> sets_no_fields(const Spec&) {
  return {};
}

}  // namespace weir
