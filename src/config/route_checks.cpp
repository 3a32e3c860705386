#include "config/route_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "config/blocks.hpp"
#include "config/scalars.hpp"

namespace weir::config {
namespace {

// Warns of keys that only what is forwarded can have, beside an answer of our own.
void warn_without_effect(const RouteDraft& draft, std::string_view action, Problems& problems) {
  constexpr std::array<std::string_view, 5> of_forwarding{"rewrite", "request_headers", "timeout",
                                                          "retry", "upgrades"};
  for (const std::string_view key : of_forwarding) {
    if (!draft.places.has(key)) continue;
    problems.warning(WarningName::no_effect, draft.places.of(key, draft.route.place),
                     key_path(draft.route.at, key),
                     fmt::format("does nothing beside `{}`: nothing is forwarded; remove it, or "
                                 "write `upstream` instead",
                                 action));
  }
}

// What to write for a path with a star, which is no pattern here.
std::string star_remedy(const Match& match) {
  const std::string_view path = match.path;
  const std::size_t star = path.find('*');
  const bool at_end = star + 1 == path.size() && path[star - 1] == '/';
  if (at_end) {
    const std::string before(path.substr(0, std::max<std::size_t>(star - 1, 1)));
    return "write `path_prefix: " + before + "` for everything below it";
  }
  if (match.path_kind == PathKind::prefix) {
    return "a prefix is not a pattern; write `path_regex` for one";
  }
  return "write {name} for any one segment, or `path_regex` for a pattern";
}

void check_respond_body(const Respond& respond, const Place& place, std::string path,
                        Problems& problems) {
  if (respond.body.empty() || (respond.status != 204 && respond.status != 304)) return;
  problems.error(place, std::move(path),
                 fmt::format("an answer with status {} has no body", respond.status));
}

void check_fallback(const RouteDraft& draft, Problems& problems) {
  const Route& route = draft.route;
  if (!route.fallback) return;
  const Place& place = draft.places.of("fallback", route.place);
  const std::string at = key_path(route.at, "fallback");
  if (route.fallback->respond) {
    check_respond_body(*route.fallback->respond, place, at + ".respond", problems);
  }
  const auto* to = std::get_if<UpstreamAction>(&route.action);
  if (to == nullptr) {
    problems.error(place, at, "needs `upstream` or `split`: nothing else can fail");
    return;
  }
  const std::string& instead = route.fallback->upstream;
  if (!instead.empty() && std::ranges::all_of(to->split, [&](const SplitShare& share) {
        return share.upstream == instead;
      })) {
    problems.warning(WarningName::no_effect, place, at + ".upstream",
                     fmt::format("does nothing: {} is the upstream that failed; write another one, "
                                 "or `respond`",
                                 in_quotes(instead)));
  }
}

}  // namespace

void take_action(RouteDraft& draft, Problems& problems) {
  const int actions = int{draft.upstream.has_value()} + int{draft.split.has_value()} +
                      int{draft.redirect.has_value()} + int{draft.respond.has_value()};
  Route& route = draft.route;
  if (actions == 0 && draft.places.has_unknown()) return;  // that may have been meant for one
  if (actions != 1) {
    problems.error(route.place, route.at,
                   actions == 0 ? "does nothing; write one of upstream, split, redirect, respond"
                                : "has more than one action; write exactly one of upstream, split, "
                                  "redirect, respond");
  } else if (draft.upstream) {
    route.action = UpstreamAction{
        .split = {{*draft.upstream, 1}}, .is_split = false, .sticky = {}, .by_header = {}};
  } else if (draft.split) {
    route.action = UpstreamAction{.split = *draft.split,
                                  .is_split = true,
                                  .sticky = draft.sticky,
                                  .by_header = draft.by_header};
  } else if (draft.redirect) {
    route.action = *draft.redirect;
    warn_without_effect(draft, "redirect", problems);
  } else {
    route.action = *draft.respond;
    warn_without_effect(draft, "respond", problems);
  }
  if (actions == 1 && route.mirror && !std::holds_alternative<UpstreamAction>(route.action)) {
    problems.error(draft.places.of("mirror", route.place), route.at + ".mirror",
                   "needs `upstream` or `split`: nothing else is forwarded");
  }
  if (route.mirror && route.mirror->sample == 0) {
    problems.warning(WarningName::no_effect, draft.places.of("mirror", route.place),
                     route.at + ".mirror.sample", "nothing is copied: the share is 0%");
  }
  if (route.rewrite && route.rewrite->path.empty() && !route.rewrite->has_prefix &&
      route.rewrite->host.empty()) {
    problems.warning(WarningName::no_effect, draft.places.of("rewrite", route.place),
                     route.at + ".rewrite", "does nothing: write `path`, `prefix` or `host`");
  }
  if (const Respond* respond = std::get_if<Respond>(&route.action)) {
    check_respond_body(*respond, draft.places.of("respond", route.place), route.at + ".respond",
                       problems);
  }
  if (actions == 1) check_fallback(draft, problems);
  if (actions == 1) check_hedge(draft, problems);
}

void check_path(const RouteDraft& draft, Problems& problems) {
  const Route& route = draft.route;
  const Match& match = route.match;
  if (draft.rewrite_prefix && match.path_kind != PathKind::prefix) {
    problems.error(draft.rewrite_prefix->place, draft.rewrite_prefix->path,
                   "needs `path_prefix` in `match`; write `path` instead");
  }
  if (match.path_kind == PathKind::any || match.path.empty()) return;
  const bool exact = match.path_kind == PathKind::exact;
  if (match.path_kind == PathKind::regex) {
    const bool open_end = match.path.starts_with('^') && match.path.ends_with('/');
    if (open_end) {
      problems.warning(WarningName::regex_without_end, match.path_place,
                       route.at + ".match.path_regex",
                       "must match the whole path, unlike nginx's `~`: it matches nothing after "
                       "the last '/'; write '.*' at its end");
    }
    return;
  }
  const std::string at = route.at + (exact ? ".match.path" : ".match.path_prefix");
  const bool encoded = match.path.contains("%2F") || match.path.contains("%5C");
  if (encoded && route.encoded_slashes == EncodedSlashes::reject) {
    problems.error(match.path_place, at, "never matches: add `encoded_slashes: keep` to the route");
  }
  if (match.path.contains('*')) {
    problems.warning(WarningName::star_in_path, match.path_place, at,
                     "'*' is a plain character here: " + star_remedy(match));
  }
}

}  // namespace weir::config
