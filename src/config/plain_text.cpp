// Routes and listeners that take requests in plain text where others redirect to https.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "config/route_checks.hpp"
#include "config/scalars.hpp"

namespace weir::config {
namespace {

bool redirects_to_https(const Route& route) {
  const auto* redirect = std::get_if<Redirect>(&route.action);
  return redirect != nullptr && redirect->to.starts_with("https://");
}

bool is_whole(const Match& match) {  // every path, without a condition on the request
  const bool any_path = match.path_kind == PathKind::any ||
                        (match.path_kind == PathKind::prefix && match.path == "/");
  return any_path && match.methods.empty() && match.headers.empty() && match.query.empty();
}

bool takes_from(const Match& match, const Listener& listener) {
  return match.listeners.empty() || is_one_of(match.listeners, listener.name);
}

// Whether the route was meant for plain text: it says so.
bool asks_for_plain(const Match& match, const Config& config) {
  if (match.scheme == "http") return true;
  return !match.listeners.empty() &&
         std::ranges::none_of(config.listeners, [&](const Listener& each) {
           return each.tls && takes_from(match, each);
         });
}

// The listener on which `route` is asked in plain text before `redirect`; null for none.
const Listener* passes_on(const Route& route, const Route& redirect, const Config& config) {
  const Match& match = route.match;
  const Match& general = redirect.match;
  if (match.scheme == "https" || asks_for_plain(match, config)) return nullptr;
  // Hosts first; of equal ones the path, and at last the file's order.
  const bool host_wins = general.hosts.empty() && !match.hosts.empty();
  const bool same_hosts = std::ranges::is_permutation(general.hosts, match.hosts);
  const bool goes_before = host_wins || (same_hosts && (!is_whole(match) || &route < &redirect));
  if (!goes_before) return nullptr;
  const auto found = std::ranges::find_if(config.listeners, [&](const Listener& each) {
    return !each.tls && !each.redirect_https && takes_from(match, each) &&
           takes_from(general, each);
  });
  return found == config.listeners.end() ? nullptr : &*found;
}

bool is_local(const Listener& listener) {
  return std::ranges::all_of(listener.bind.addresses(), [](const BindAddress& one) {
    return one.address.is_unix() || one.address.ip().is_loopback();
  });
}

}  // namespace

void warn_of_plain_text(const Config& config, Problems& problems) {
  for (const Route& redirect : config.routes) {
    if (!redirects_to_https(redirect) || !is_whole(redirect.match) ||
        !asks_for_plain(redirect.match, config)) {
      continue;
    }
    for (const Route& route : config.routes) {
      if (&route == &redirect || redirects_to_https(route)) continue;
      const Listener* const listener = passes_on(route, redirect, config);
      if (listener == nullptr) continue;
      problems.warning(
          WarningName::plain_text, route.place, route.at + ".match",
          fmt::format("takes requests in plain text on listener {}: it is more specific than the "
                      "route {}, which redirects to https. Write `redirect_https: on` at the "
                      "listener, or `scheme: https` here",
                      in_quotes(listener->name), in_quotes(redirect.name)));
    }
  }
  const auto redirecting = std::ranges::find_if(
      config.listeners, [](const Listener& each) { return each.redirect_https.has_value(); });
  if (redirecting == config.listeners.end()) return;
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const Listener& each = config.listeners[i];
    if (each.tls || each.redirect_https || is_local(each)) continue;
    const auto open = std::ranges::find_if(config.routes, [&](const Route& route) {
      return takes_from(route.match, each) && route.match.scheme != "https" &&
             !asks_for_plain(route.match, config) && !redirects_to_https(route);
    });
    if (open == config.routes.end()) continue;
    problems.warning(WarningName::plain_text, each.place, fmt::format("listeners[{}]", i),
                     fmt::format("takes requests in plain text, for the route {} among others, "
                                 "while listener {} redirects to https; write `redirect_https: on` "
                                 "here, too, or `listeners` or `scheme` in the routes",
                                 in_quotes(open->name), in_quotes(redirecting->name)));
  }
}

}  // namespace weir::config
