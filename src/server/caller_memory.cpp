#include "weir/server/caller_memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <variant>

#include "server/host.hpp"
#include "weir/control/concurrency_limiter.hpp"

namespace weir::server {
namespace {

constexpr std::uint64_t bytes_of_a_caller = 32;  // control/key_table.hpp

std::uint64_t callers_of(const config::Middleware& middleware) {
  if (const auto* rate = std::get_if<config::RateLimit>(&middleware.spec)) return rate->max_keys;
  if (std::holds_alternative<config::ConcurrencyLimit>(middleware.spec)) {
    return control::ConcurrencyLimiter::max_keys;
  }
  return 0;
}

std::string in_gib(std::uint64_t bytes) {
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1024.0 * 1024 * 1024));
}

}  // namespace

std::optional<config::Problem> caller_memory_warning(const config::Config& config,
                                                     std::uint64_t memory) {
  std::set<std::string_view> used;
  for (const config::Route& route : config.routes) {
    used.insert(route.middleware.begin(), route.middleware.end());
  }
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max() / bytes_of_a_caller;
  std::uint64_t callers = 0;
  const config::Middleware* largest = nullptr;
  for (const config::Middleware& middleware : config.middleware) {
    if (!used.contains(middleware.name)) continue;
    const std::uint64_t here = callers_of(middleware);
    callers += std::min(here, most - callers);
    if (here != 0 && (largest == nullptr || here > callers_of(*largest))) largest = &middleware;
  }
  const std::uint64_t needed = callers * bytes_of_a_caller;
  if (memory == 0 || needed <= memory) return std::nullopt;
  return config::Problem{
      .place = largest->place,
      .path = "middleware." + largest->name,
      .message = fmt::format(
          "the tables of callers of all limits may grow to {}, but this process may have only "
          "{}; lower max_keys (32 bytes for each)",
          in_gib(needed), in_gib(memory)),
      .name = config::WarningName::caller_memory};
}

std::optional<config::Problem> caller_memory_warning(const config::Config& config) {
  return caller_memory_warning(config, Host().memory());
}

}  // namespace weir::server
