// Any bytes as the body of an admin request: what is understood is within its bounds, what is not
// comes with words.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <string_view>

#include "server/admin_bodies.hpp"

namespace {

using namespace weir;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const config::Split split{{.upstream = "v1", .weight = 1},
                                   {.upstream = "v2", .weight = 1}};
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (const auto weights = server::parse_split(body, split)) {
    require(weights->size() == 2);
    const auto sum = std::accumulate(weights->begin(), weights->end(), std::uint64_t{0});
    require(sum > 0 && sum <= 2'000'000);
  } else {
    require(!weights.error().empty());
  }
  const auto change = server::parse_endpoint_change(body);
  require(change ? change->state || change->weight : !change.error().empty());
  const auto asked = server::parse_explain(body);
  require(asked || !asked.error().empty());
  // Each has a member of another name.
  const auto level = server::parse_log_level(body);
  require(!server::parse_breaker_force(body) || !level);
  require(!level || !level->time || *level->time > Duration::zero());
  return 0;
}
