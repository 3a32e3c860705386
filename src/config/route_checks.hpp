// What one key of a route alone cannot know: what it is beside the others, and beside other routes.
// For assemble(); one thread.
#pragma once

#include <algorithm>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/draft.hpp"
#include "config/problems.hpp"
#include "weir/http/template_text.hpp"

namespace weir::config {

inline bool is_one_of(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// Puts the route's one action into it. Reports what is wrong beside that action, and warns of what
// does nothing there.
void take_action(RouteDraft& draft, Problems& problems);
// A path that never matches, or that was meant as a pattern.
void check_path(const RouteDraft& draft, Problems& problems);

// A text with variables as it was written there: {attempt} is known only to what is forwarded.
std::expected<TemplateText, std::string> parse_template(const Written& written,
                                                        std::span<const std::string> path_params);
// Warns of variables as nginx and shells write them, and of braces that are one fewer than meant.
// REQUIRES: it is a template.
void warn_of_foreign_template(const Written& written, Problems& problems);

// Warns of routes that never get a request: one before them takes all of theirs, or no listener has
// any.
void warn_of_shadowed_routes(const Config& config, Problems& problems);

// Warns of routes, and of listeners, that take requests in plain text where others redirect to
// https.
void warn_of_plain_text(const Config& config, Problems& problems);

// Warns of an admin address that others can reach, and that asks for no token.
void warn_of_open_admin(const Admin& admin, const Place& bind, Problems& problems);

// Warns of what is valid and seldom meant: weights of 0, no time limit, limits with a key that any
// client can choose, expressions that a prefix would do for.
void warn_of_suspicions(const Config& config, Problems& problems);

// Tells the balancers that are zone_aware where the gateway is, and warns of those for which that
// means nothing.
void settle_zones(Config& config, Problems& problems);

}  // namespace weir::config
