// Middleware that bounds how much comes: rate_limit, concurrency_limit, load_shed.
#include "config/key_fields.hpp"
#include "config/kinds.hpp"
#include "config/middleware_fields.hpp"

namespace weir::config {
namespace {

constexpr std::uint64_t most_tokens = 1'000'000'000;
constexpr std::uint64_t most_keys = 100'000'000;
constexpr std::uint64_t most_in_flight = 1'000'000'000;
constexpr Duration longest_fill = std::chrono::hours(24 * 365);

// What is in force is printed, which without a word in the file follows from the rate.
Value burst(RateLimit& limit) {
  Value out = count(limit.burst, 1, most_tokens);
  out.print = [&limit] {
    return limit.rate.tokens == 0 ? Tree() : Tree(static_cast<std::int64_t>(limit.bucket()));
  };
  return out;
}

}  // namespace

Fields fields(RateLimit& limit, std::vector<Written>&) {
  return {{"rate", rate(limit.rate), "requests a second, minute or hour: 50/s, 1000/m, 100000/h",
           Need::required},
          {"burst", burst(limit), "requests at once; default: one second of the rate, at least 1"},
          {"key", key(limit.key), "who has a limit of their own: client_ip, {header: NAME}, ..."},
          {"cost", count(limit.cost, 1, most_tokens), "how much of the limit a request takes"},
          {"dry_run", flag(limit.dry_run), "count and send the limit's headers, but refuse nobody"},
          {"max_keys", count(limit.max_keys, 1, most_keys),
           "callers that have a limit of their own at a time, 32 bytes for each"}};
}

Fields fields(ConcurrencyLimit& limit, std::vector<Written>&) {
  return {{"limit", count(limit.limit, 1, most_in_flight), "requests in flight at the same time",
           Need::required},
          {"key", key(limit.key), "who has a limit of their own, as in rate_limit"}};
}

Fields fields(LoadShed& shed, std::vector<Written>&) {
  return {{"lag", off_or(shed.lag, duration(shed.lag)),
           "how late a worker does what is due, on average over half a second; or off"},
          {"memory", off_or(shed.memory, share(shed.memory)),
           "use of the cgroup's memory limit, without one of the machine's memory; or off"},
          {"connections", off_or(shed.connections, share(shed.connections)),
           "open connections of server.max_connections; or off"},
          {"saturation", off_or(shed.saturation, share(shed.saturation)),
           "the share of the last two seconds that a worker was busy; or off"}};
}

std::string_view fault(const RateLimit& limit) {
  if (limit.cost > limit.bucket()) return "`cost` is above `burst`: nothing would ever pass";
  using Wide = unsigned __int128;
  const Wide fill = Wide{limit.bucket()} * static_cast<std::uint64_t>(limit.rate.period.count());
  if (fill > Wide{static_cast<std::uint64_t>(longest_fill.count())} * limit.rate.tokens) {
    return "at this `rate`, `burst` takes more than 365 days to fill up; lower it";
  }
  return "";
}
std::string_view fault(const ConcurrencyLimit&) { return ""; }
std::string_view fault(const LoadShed& shed) {
  const bool off = shed.lag == Duration::zero() && shed.memory == 0 && shed.connections == 0 &&
                   shed.saturation == 0;
  return off ? "all of it is off: it would never refuse anything" : "";
}

}  // namespace weir::config
