// A route table and requests made of the input's bytes; the table must agree with the plain model.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "../unit/route/route_model.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::route;
  const auto choose = [&](std::size_t below) -> std::size_t {
    if (size == 0) return 0;
    --size;
    return *data++ % below;
  };
  const auto listeners = model::listeners();
  const auto routes = model::make_routes(choose);
  const auto table = RouteTable::compile(routes, listeners, std::vector<bool>(routes.size()));
  if (!table) std::abort();
  do {
    const model::Request request = model::make_request(choose);
    const Query query = request.view();
    const auto wanted = model::winner(routes, listeners, query);
    Match match;
    const bool found = table->match(query, match);
    if (found != wanted.has_value() || (found && match.index != *wanted)) std::abort();
    if (found && !table->allow(query).empty() && match.route != &routes[match.index]) std::abort();
  } while (size > 0);
  return 0;
}
