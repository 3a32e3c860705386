#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "config/blocks.hpp"
#include "config/draft.hpp"
#include "config/key_fields.hpp"
#include "config/listener_addresses.hpp"
#include "config/logged_tokens.hpp"
#include "config/provider_checks.hpp"
#include "config/route_checks.hpp"
#include "config/unknown_names.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

// The defaults' changes come first: what the route says about the same field stands.
HeaderChanges join(const HeaderChanges& defaults, HeaderChanges own) {
  const auto has = [](const auto& list, std::string_view name) {
    return std::ranges::any_of(list, [&](const auto& each) {
      if constexpr (requires { each.first; }) {
        return iequals(each.first, name);
      } else {
        return iequals(each, name);
      }
    });
  };
  HeaderChanges out;
  out.remove = defaults.remove;
  for (std::string& name : own.remove) {
    if (!has(out.remove, name)) out.remove.push_back(name);
  }
  for (const auto& change : defaults.set) {
    if (!has(own.remove, change.first) && !has(own.set, change.first)) out.set.push_back(change);
  }
  for (const auto& change : defaults.add) {
    if (!has(own.remove, change.first) && !has(own.set, change.first)) out.add.push_back(change);
  }
  std::ranges::move(own.set, std::back_inserter(out.set));
  std::ranges::move(own.add, std::back_inserter(out.add));
  return out;
}

class Assembly {
 public:
  Assembly(Draft draft, const Place& root, Problems& problems)
      : draft_(std::move(draft)), root_(root), problems_(problems), config_(draft_.config) {}

  Config run() {
    check_sections();
    check_names();
    check_listeners();
    add_certificates(draft_, config_, problems_);
    check_upstreams();
    for (NamedMiddleware& each : draft_.middleware) config_.middleware.push_back(each.middleware);
    for (RouteDraft& each : draft_.routes) finish_route(each);
    check_asked_upstreams();
    tell_unknown_names();
    check_shared_templates();
    warn_unused();
    check_tests(draft_, {listener_names_, route_names_, upstream_names_}, problems_);
    warn_of_logged_tokens(config_, problems_);
    warn_of_shadowed_routes(config_, problems_);
    warn_of_plain_text(config_, problems_);
    warn_of_suspicions(config_, problems_);
    settle_zones(config_, problems_);
    return std::move(config_);
  }

 private:
  using Names = std::unordered_map<std::string_view, std::size_t>;

  void check_sections() {
    if (draft_.listeners.empty() && !draft_.sections.contains("listeners")) {
      problems_.error(root_, "", "'listeners' is required: where clients connect");
    }
    const bool may_be_elsewhere = config_.providers.any();
    if (draft_.routes.empty() && !draft_.sections.contains("routes") && !may_be_elsewhere) {
      problems_.error(root_, "", "'routes' is required: what happens to a request");
    }
    warn_of_open_admin(config_.admin, draft_.admin_bind, problems_);
  }

  // A key twice in one file has been reported by then, so a mapping's names are compared across
  // files only.
  void unique(std::unordered_map<std::string_view, const Place*>& seen, const std::string& name,
              const Place& place, std::string path, bool within_file) {
    if (name.empty()) return;
    const auto [first, fresh] = seen.try_emplace(name, &place);
    if (fresh || (!within_file && first->second->file == place.file)) return;
    problems_.error(place, std::move(path),
                    fmt::format("the name {} is already taken at {}", in_quotes(name),
                                to_string(*first->second)));
  }

  void check_names() {
    std::unordered_map<std::string_view, const Place*> listeners, middleware, routes, upstreams;
    for (const ListenerDraft& each : draft_.listeners) {
      const Place& place = each.places.of("name", each.listener.place);
      unique(listeners, each.listener.name, place, each.at + ".name", true);
      listener_names_.push_back(each.listener.name);
    }
    for (std::size_t i = 0; i < draft_.middleware.size(); ++i) {
      const Middleware& each = draft_.middleware[i].middleware;
      unique(middleware, each.name, each.place, "middleware." + each.name, false);
      middleware_.try_emplace(each.name, i);
      middleware_names_.push_back(each.name);
    }
    for (const RouteDraft& each : draft_.routes) {
      const Place& place = each.places.of("name", each.route.place);
      unique(routes, each.route.name, place, each.route.at + ".name", true);
      route_names_.push_back(each.route.name);
    }
    for (std::size_t i = 0; i < config_.upstreams.size(); ++i) {
      const Upstream& each = config_.upstreams[i];
      unique(upstreams, each.name, each.place, "upstreams." + each.name, false);
      upstreams_.try_emplace(each.name, i);
      upstream_names_.push_back(each.name);
    }
    middleware_users_.resize(draft_.middleware.size());
  }

  void check_listeners() {
    check_addresses(draft_.listeners, config_.admin, problems_);
    for (const ListenerDraft& draft : draft_.listeners) {
      const Listener& each = draft.listener;
      const auto error = [&](const char* key, const std::string& what) {
        problems_.error(draft.places.of(key, each.place), draft.at + "." + key, what);
      };
      const Protocols spoken = each.spoken();
      if (spoken.h2c && each.tls) error("protocols", "'h2c' is HTTP/2 without tls; write h2");
      if (spoken.h2 && !each.tls) {
        error("protocols", "'h2' needs tls; write h2c for HTTP/2 without it");
      }
      if (each.redirect_https && each.tls) {
        error("redirect_https", "is for a listener without tls: requests here come by https");
      }
      if (each.proxy_protocol == ProxyProtocol::required && !each.bind.is_unix() &&
          config_.trusted_proxies.empty()) {
        error("proxy_protocol",
              "'required' needs `trusted_proxies`: without them nobody could connect");
      }
      config_.listeners.push_back(each);
    }
  }

  void check_upstreams() {
    settle_etcd(config_, problems_);
    for (const Upstream& each : config_.upstreams) {
      check_health_check(each, problems_);
      check_sockets(each, each.endpoints, problems_);
      const auto& from = each.endpoints_from;
      if (from && from->listed) check_sockets(each, *from->listed, problems_);
    }
  }

  // What a section defines is not known when it could not be read.
  bool is_unread(const Written& written, std::string_view section) const {
    return draft_.unread.contains(section) || draft_.bad_names.contains(written.text);
  }

  void finish_route(RouteDraft& draft) {
    Route& route = draft.route;
    for (const Written& each : draft.upstreams) check_upstream(each);
    for (const Written& each : draft.listeners) {
      if (std::ranges::find(listener_names_, each.text) == listener_names_.end() &&
          !is_unread(each, "listeners")) {
        tell_unknown(each, "listener", listener_names_, problems_);
      }
    }
    for (const Written& each : draft.templates) check_template(each, route.match.path_params, "");
    take_action(draft, problems_);
    check_path(draft, problems_);
    route.request_headers =
        join(draft_.defaults.route.request_headers, std::move(route.request_headers));
    route.response_headers =
        join(draft_.defaults.route.response_headers, std::move(route.response_headers));
    chain(draft);
    config_.routes.push_back(route);
  }

  // Upstreams that middleware asks.
  void check_asked_upstreams() {
    for (const Middleware& each : config_.middleware) {
      const auto* auth = std::get_if<ForwardAuth>(&each.spec);
      if (auth == nullptr || auth->upstream.empty()) continue;
      check_upstream({auth->upstream, auth->upstream_place, auth->upstream_at});
    }
  }

  void check_upstream(const Written& written) {
    const auto found = upstreams_.find(written.text);
    if (found == upstreams_.end()) {
      if (!is_unread(written, "upstreams")) unknown_upstreams_.add(written);
    } else {
      used_upstreams_.insert(found->second);
    }
  }

  void tell_unknown_names() {
    const auto place = [](const Names& names, const auto& used, const auto& at) {
      return [&names, used, at](std::string_view name) -> std::optional<Place> {
        const auto found = names.find(name);
        if (found == names.end() || used(found->second)) return std::nullopt;
        return at(found->second);
      };
    };
    unknown_upstreams_.tell(
        upstream_names_,
        place(
            upstreams_, [this](std::size_t i) { return used_upstreams_.contains(i); },
            [this](std::size_t i) { return config_.upstreams[i].place; }),
        problems_);
    unknown_middleware_.tell(
        middleware_names_,
        place(
            middleware_, [this](std::size_t i) { return !middleware_users_[i].empty(); },
            [this](std::size_t i) { return draft_.middleware[i].middleware.place; }),
        problems_);
  }

  // The route's effective list: the defaults' less `without`, then its own.
  void chain(RouteDraft& draft) {
    std::vector<const MiddlewareUse*> uses;
    std::vector<std::string_view> default_names;
    for (const MiddlewareUse& each : draft_.defaults.middleware) {
      if (!each.spec) default_names.push_back(each.name.text);
      const bool left_out = !each.spec && std::ranges::find(draft.without_names, each.name.text) !=
                                              draft.without_names.end();
      if (!left_out) uses.push_back(&each);
    }
    for (const Written& each : draft.without) {
      if (std::ranges::find(default_names, each.text) == default_names.end()) {
        tell_unknown(each, "name in defaults.middleware:", default_names, problems_);
      }
    }
    for (const MiddlewareUse& each : draft.middleware) uses.push_back(&each);
    const bool after_jwt = check_keys(draft.route, uses);
    check_split_choice(draft, after_jwt, problems_);
    const auto upstream_of = [this](std::string_view name) {
      const auto found = upstreams_.find(name);
      return found != upstreams_.end() ? &config_.upstreams[found->second] : nullptr;
    };
    check_balancer_keys(draft, upstream_of, after_jwt, problems_);
    std::unordered_map<std::string_view, int> types;
    for (const MiddlewareUse* use : uses) {
      if (use->is_unread) continue;
      use->spec ? add_inline(draft.route, *use, ++types[type_name(*use->spec)])
                : add_named(draft.route, *use);
    }
  }

  // A KEY may ask for what is only there behind a jwt, or on a path with that parameter. Returns
  // whether a jwt is in the list.
  bool check_keys(const Route& route, const std::vector<const MiddlewareUse*>& uses) {
    bool after_jwt = false;
    for (const MiddlewareUse* use : uses) {
      const MiddlewareSpec* spec = use->spec ? &*use->spec : nullptr;
      if (spec == nullptr) {
        const auto found = middleware_.find(use->name.text);
        if (found == middleware_.end() || draft_.middleware[found->second].is_unread) {
          after_jwt = true;  // it may be one: what is wrong with it has been said
          continue;
        }
        spec = &draft_.middleware[found->second].middleware.spec;
      }
      if (const Key* key = key_of(*spec)) {
        const std::string fault = key_fault(*key, route.match.path_params, after_jwt);
        if (!fault.empty()) {
          problems_.error(use->name.place, use->name.path,
                          fmt::format("{} on route {}", fault, in_quotes(route.name)));
        }
      }
      after_jwt = after_jwt || type_name(*spec) == "jwt";
    }
    return after_jwt;
  }

  // The KEY of a type that has one.
  static const Key* key_of(const MiddlewareSpec& spec) {
    return std::visit(
        [](const auto& each) -> const Key* {
          if constexpr (requires { each.key.parts; }) {
            return &each.key;
          } else {
            return nullptr;
          }
        },
        spec);
  }

  void add_inline(Route& route, const MiddlewareUse& use, int number) {
    std::string name = fmt::format("{}/{}", route.name, type_name(*use.spec));
    if (number > 1) name += fmt::format("#{}", number);
    for (const Written& each : use.templates) {
      check_template(each, route.match.path_params, route.name);
    }
    config_.middleware.push_back({name, *use.spec, use.name.place});
    route.middleware.push_back(std::move(name));
  }

  void add_named(Route& route, const MiddlewareUse& use) {
    const auto found = middleware_.find(use.name.text);
    if (found == middleware_.end()) {
      if (!is_unread(use.name, "middleware")) unknown_middleware_.add(use.name);
      return;
    }
    middleware_users_[found->second].push_back(config_.routes.size());
    if (std::ranges::find(route.middleware, use.name.text) != route.middleware.end()) {
      problems_.warning(WarningName::repeated_middleware, use.name.place, use.name.path,
                        fmt::format("middleware {} runs twice on route {}",
                                    in_quotes(use.name.text), in_quotes(route.name)));
    }
    route.middleware.push_back(use.name.text);
  }

  // Reports a wrong template; `route` names the one it is wrong for where it serves several.
  bool check_template(const Written& written, const std::vector<std::string>& params,
                      std::string_view route) {
    const auto parsed = parse_template(written, params);
    if (parsed) {
      warn_of_foreign_template(written, problems_);
      return true;
    }
    problems_.error(written.place, written.path,
                    route.empty()
                        ? parsed.error()
                        : fmt::format("{} on route {}", parsed.error(), in_quotes(route)));
    return false;
  }

  // Texts that serve several routes must fit each of them; one complaint for each is enough.
  void check_shared_templates() {
    const auto check = [&](const Written& written, const auto& route_indexes) {
      if (parse_template(written, {})) {
        return warn_of_foreign_template(written, problems_);
      }
      bool served = false;
      for (const std::size_t index : route_indexes) {
        const Route& route = config_.routes[index];
        served = true;
        if (!check_template(written, route.match.path_params, route.name)) return;
      }
      if (!served) check_template(written, {}, "");
    };
    std::vector<std::size_t> all(config_.routes.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    for (const Written& each : draft_.defaults.templates) check(each, all);
    for (std::size_t i = 0; i < draft_.middleware.size(); ++i) {
      for (const Written& each : draft_.middleware[i].templates) check(each, middleware_users_[i]);
    }
  }

  void warn_unused() {
    for (std::size_t i = 0; i < draft_.middleware.size(); ++i) {
      const Middleware& each = draft_.middleware[i].middleware;
      if (middleware_users_[i].empty()) {
        problems_.warning(WarningName::unused_middleware, each.place, "middleware." + each.name,
                          "no route uses it");
      }
    }
    for (std::size_t i = 0; i < config_.upstreams.size(); ++i) {
      const Upstream& each = config_.upstreams[i];
      if (!used_upstreams_.contains(i)) {
        problems_.warning(WarningName::unused_upstream, each.place, "upstreams." + each.name,
                          "no route uses it");
      }
    }
  }

  Draft draft_;
  const Place& root_;
  Problems& problems_;
  Config config_;

  std::vector<std::string_view> listener_names_, middleware_names_, route_names_, upstream_names_;
  Names middleware_, upstreams_;                            // to their index in the draft
  std::vector<std::vector<std::size_t>> middleware_users_;  // routes by index, for each middleware
  std::unordered_set<std::size_t> used_upstreams_;
  UnknownNames unknown_upstreams_{"upstream", "upstreams"};
  UnknownNames unknown_middleware_{"middleware", "middleware"};
};

}  // namespace

Config assemble(Draft draft, const Place& root, Problems& problems) {
  return Assembly(std::move(draft), root, problems).run();
}

}  // namespace weir::config
