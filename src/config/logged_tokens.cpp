#include "config/logged_tokens.hpp"

#include <algorithm>
#include <string_view>
#include <variant>

#include "config/scalars.hpp"
#include "weir/base/text.hpp"
#include "weir/config/redacted_parameters.hpp"

namespace weir::config {
namespace {

bool is_logged(const AccessLog& log, const TokenPlace& place) {
  if (place.kind != TokenPlace::Kind::query || log.path == "off") return false;
  if (log.query != QueryPolicy::redact) return log.query == QueryPolicy::keep;
  return std::ranges::none_of(redacted_parameters,
                              [&](std::string_view one) { return iequals(one, place.name); });
}

}  // namespace

void warn_of_logged_tokens(const Config& config, Problems& problems) {
  for (const Middleware& each : config.middleware) {
    const auto* jwt = std::get_if<Jwt>(&each.spec);
    if (jwt == nullptr) continue;
    for (const TokenPlace& place : jwt->from) {
      if (!is_logged(config.access_log, place)) continue;
      problems.warning(WarningName::logged_token, each.place,
                       "middleware." + each.name + ".jwt.from",
                       "tokens in the query's " + in_quotes(place.name) +
                           " would be written to the access log; set access_log.query to drop, or "
                           "to redact and name the parameter access_token");
    }
  }
}

}  // namespace weir::config
