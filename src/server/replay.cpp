#include "weir/server/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "server/replay_conditions.hpp"
#include "weir/config/changes.hpp"
#include "weir/config/loader.hpp"
#include "weir/server/explain.hpp"
#include "weir/server/snapshot.hpp"

namespace weir::server {
namespace {

using Verdict = Replayed::Verdict;
using Table = std::unique_ptr<route::RouteTable>;

// The access log cuts paths, queries and fields there.
constexpr std::size_t longest_logged_url = 2048;
constexpr std::size_t longest_logged_field = 512;
// Worlds that are looked at for one request; past these nobody can tell.
constexpr std::size_t most_leaves = 64;

// A configuration with what it is asked by.
struct Side {
  const config::Config& original;
  config::Config config;  // with marks for hidden conditions
  Table table;
};

// What a request may be besides what the log says.
struct Variant {
  std::string proto;      // what a trusted proxy said of the scheme; "" for nothing
  std::string preflight;  // the method that it asks for; "" for no preflight
};

// What comes of one world.
struct Leaf {
  Replayed outcome;
  bool fits = false;  // the log's route is the one that the first configuration chooses
};

// Reasons for which a request may be refused before a route is looked for, by its form or by the
// listener's limits: nothing that is in the log says whether that would be so again.
bool is_early(Reason reason) noexcept {
  constexpr std::array early{Reason::bad_request,
                             Reason::client_timeout,
                             Reason::uri_too_long,
                             Reason::headers_too_large,
                             Reason::expectation_failed,
                             Reason::misdirected,
                             Reason::not_implemented,
                             Reason::version_not_supported,
                             Reason::client_closed,
                             Reason::overloaded,
                             Reason::draining,
                             Reason::proxy_loop,
                             Reason::internal};
  return std::ranges::find(early, reason) != early.end();
}

bool is_of_credentials(Reason reason) noexcept {
  constexpr std::array reasons{Reason::credentials_missing, Reason::credentials_invalid,
                               Reason::token_missing,       Reason::token_invalid,
                               Reason::token_expired,       Reason::insufficient_scope,
                               Reason::claim_mismatch,      Reason::auth_denied,
                               Reason::auth_unavailable,    Reason::keys_unavailable};
  return std::ranges::find(reasons, reason) != reasons.end();
}

std::string share_words(const Decision& decision) {
  if (!decision.upstream.empty()) return decision.upstream;
  std::string out = "split";
  for (const Decision::Share& each : decision.shares) {
    out += fmt::format("{} {} {:.4g}%", out == "split" ? "" : ",", each.upstream, 100 * each.part);
  }
  return out;
}

// "404 no_route", "308 to https://...", "200", "the upstream's".
std::string answer_words(const Explanation& one) {
  if (one.decision.is_forwarded) return "the upstream's";
  if (one.decision.reason != Reason::none) {
    return fmt::format("{} {}", one.status, name(one.decision.reason));
  }
  if (one.decision.redirect.empty()) return std::to_string(one.status);
  return fmt::format("{} to {}", one.status, HiddenConditions::unmarked(one.decision.redirect));
}

std::string route_words(const Explanation& one) {
  return one.decision.route.empty() ? "none (" + answer_words(one) + ")" : one.decision.route;
}

Replayed compared_decisions(const Explanation& before, const Explanation& after) {
  const Decision& one = before.decision;
  const Decision& other = after.decision;
  const auto differ = [](const char* what, std::string was, std::string is) {
    return Replayed{Verdict::different, what, std::move(was), std::move(is), false};
  };
  if (one.route != other.route) return differ("route", route_words(before), route_words(after));
  if (answer_words(before) != answer_words(after)) {
    return differ("answer", answer_words(before), answer_words(after));
  }
  if (!one.is_forwarded) return {};
  if (share_words(one) != share_words(other))
    return differ("upstream", share_words(one), share_words(other));
  const std::string asked = one.host + one.path;
  const std::string would = other.host + other.path;
  if (asked != would) return differ("path", asked, would);
  return {};
}

bool any_cors(const config::Config& config) {
  return std::ranges::any_of(config.middleware, [](const config::Middleware& one) {
    return std::holds_alternative<config::Cors>(one.spec);
  });
}

class RealReplay final : public Replay {
 public:
  RealReplay(const config::Config& before, const config::Config& after)
      : hidden_(before.access_log.query),
        before_{before, hidden_.replace(before), nullptr},
        after_{after, hidden_.replace(after), nullptr},
        has_cors_(any_cors(before) || any_cors(after)) {
    for (const config::Config* config : {&before, &after}) {
      for (const config::Route& route : config->routes) {
        for (const config::ValueMatch& each : route.match.headers) {
          looks_at_fields_ |= each.name.size() == 10 || each.name.size() == 7;
        }
      }
    }
  }

  std::expected<void, std::vector<config::Problem>> compile() {
    for (Side* side : {&before_, &after_}) {
      auto table = compile_table(side->config);
      if (!table) return std::unexpected(std::move(table.error()));
      side->table = std::make_unique<route::RouteTable>(std::move(*table));
    }
    return {};
  }

  Replayed of(const LoggedFacts& logged) override {
    logged_ = &logged;
    leaves_.clear();
    branched_.clear();
    is_too_much_ = false;
    const config::Listener* const old = find(before_.config, logged.listener);
    const config::Listener* const now = old == nullptr ? nullptr : counterpart(*old);
    if (old == nullptr) return cannot_tell("a listener of that name", true);
    if (now == nullptr) {
      return {Verdict::different, "listener", logged.listener, "none at that address", false};
    }
    if (is_early(logged.reason) && logged.route.empty()) {
      if (config::differing_keys(*old, *now).empty()) return {};
      return cannot_tell(fmt::format("the request ({})", name(logged.reason)), false);
    }
    if (is_cut(logged)) return cannot_tell("the whole request", false);
    listeners_ = {old->name, now->name};
    for (const Variant& variant : variants(*old, *now)) {
      explore(variant, ConditionWorld(hidden_.size()));
    }
    return verdict();
  }

 private:
  static Replayed cannot_tell(std::string what, bool disagrees) {
    return {Verdict::cannot_tell, std::move(what), "", "", disagrees};
  }

  static const config::Listener* find(const config::Config& config, const std::string& name) {
    const auto found = std::ranges::find(config.listeners, name, &config::Listener::name);
    return found == config.listeners.end() ? nullptr : &*found;
  }

  // Of the same name, or else at the same address.
  const config::Listener* counterpart(const config::Listener& old) const {
    if (const config::Listener* const same = find(after_.config, old.name)) return same;
    const auto found = std::ranges::find_if(after_.config.listeners, [&](const auto& one) {
      return one.bind.to_string() == old.bind.to_string();
    });
    return found == after_.config.listeners.end() ? nullptr : &*found;
  }

  bool is_cut(const LoggedFacts& logged) const {
    if (logged.path.size() >= longest_logged_url || logged.query.size() >= longest_logged_url) {
      return true;
    }
    return looks_at_fields_ && (logged.user_agent.size() >= longest_logged_field ||
                                logged.referer.size() >= longest_logged_url);
  }

  static bool trusts(const config::Config& config, const std::string& address) {
    const auto ip = IpAddress::parse(address);
    return ip && std::ranges::any_of(config.trusted_proxies,
                                     [&](const Cidr& one) { return one.contains(*ip); });
  }

  std::vector<Variant> variants(const config::Listener& old, const config::Listener& now) {
    std::vector<std::string> protos{""};
    const bool is_plain = !old.tls || !now.tls;
    if (is_plain && (trusts(before_.config, peer()) || trusts(after_.config, peer()))) {
      protos.emplace_back("https");
    }
    std::vector<std::string> asked{""};
    if (logged_->method == "OPTIONS" && has_cors_) {
      for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE"})
        asked.emplace_back(method);
    }
    std::vector<Variant> out;
    for (const std::string& proto : protos) {
      for (const std::string& method : asked) out.push_back({proto, method});
    }
    if (protos.size() > 1) branched_.emplace_back("header x-forwarded-proto");
    if (asked.size() > 1) branched_.emplace_back("header access-control-request-method");
    return out;
  }

  const std::string& peer() const {
    return IpAddress::parse(logged_->peer) ? logged_->peer : logged_->client_ip;
  }

  ExplainRequest question(const Variant& variant, const ConditionWorld& world,
                          const std::string& listener) const {
    ExplainRequest out{.method = logged_->method,
                       .url = logged_->path,
                       .headers = {},
                       .from = logged_->client_ip,
                       .listener = listener,
                       .client_identity = {},
                       .in_words = false};
    if (!logged_->query.empty()) out.url += "?" + logged_->query;
    const auto field = [&](const char* name, const std::string& value) {
      if (!value.empty()) out.headers.emplace_back(name, value);
    };
    field("Host", logged_->host);
    field("User-Agent", logged_->user_agent);
    field("Referer", logged_->referer);
    if (logged_->bytes_in != 0 && logged_->reason != Reason::body_too_large) {
      field("Content-Length", std::to_string(logged_->bytes_in));
    }
    if (peer() != logged_->client_ip && trusts(before_.config, peer())) {
      out.from = peer();
      field("X-Forwarded-For", logged_->client_ip);
    }
    field("X-Forwarded-Proto", variant.proto);
    if (!variant.preflight.empty()) {
      field("Origin", "https://origin.invalid");
      field("Access-Control-Request-Method", variant.preflight);
    }
    hidden_.mark(world, out);
    return out;
  }

  // Looks at every world that may matter. In this one, what is open holds: if then no condition of
  // the routes that win is open, they win whatever else holds.
  void explore(const Variant& variant, const ConditionWorld& world) {
    if (is_too_much_) return;
    const auto before =
        server::explain(before_.config, *before_.table, question(variant, world, listeners_.first));
    const auto after =
        server::explain(after_.config, *after_.table, question(variant, world, listeners_.second));
    if (!before || !after) {
      leaves_.push_back({cannot_tell("a request that can be asked for", false), false});
      return;
    }
    std::optional<std::size_t> open = open_condition(0, before->decision.route, world);
    if (!open) open = open_condition(1, after->decision.route, world);
    if (!open) return add_leaf(*before, *after);
    const std::string& name = hidden_.name(*open);
    if (std::ranges::find(branched_, name) == branched_.end()) branched_.push_back(name);
    for (const bool holds : {true, false}) {
      ConditionWorld next = world;
      if (hidden_.settle(next, *open, holds)) explore(variant, next);
    }
  }

  std::optional<std::size_t> open_condition(std::size_t side, const std::string& route,
                                            const ConditionWorld& world) const {
    for (const std::size_t one : hidden_.of_route(side, route)) {
      if (world[one] == ConditionWorld::State::open) return one;
    }
    return std::nullopt;
  }

  void add_leaf(const Explanation& before, const Explanation& after) {
    if (leaves_.size() >= most_leaves) {
      is_too_much_ = true;
      return;
    }
    Leaf leaf{compared_decisions(before, after), before.decision.route == logged_->route};
    if (leaf.outcome.verdict == Verdict::same && !before.decision.route.empty()) {
      compare_judges(before.decision.route, after.decision.route, leaf.outcome);
    }
    leaves_.push_back(std::move(leaf));
  }

  // The middleware of the original route whose verdict the log does not let us repeat.
  static std::vector<std::string> judges(const config::Config& config, const std::string& route,
                                         bool of_size) {
    std::vector<std::string> out;
    const auto found = std::ranges::find(config.routes, route, &config::Route::name);
    if (found == config.routes.end()) return out;
    for (const std::string& name : found->middleware) {
      const config::Middleware* const one = config.find_middleware(name);
      if (one == nullptr) continue;
      const bool is_size = std::holds_alternative<config::BodyLimit>(one->spec);
      const bool is_judge = std::holds_alternative<config::Jwt>(one->spec) ||
                            std::holds_alternative<config::ApiKey>(one->spec) ||
                            std::holds_alternative<config::BasicAuth>(one->spec) ||
                            std::holds_alternative<config::ForwardAuth>(one->spec);
      if (is_judge || (of_size && is_size)) out.push_back(config::to_json(one->spec));
    }
    return out;
  }

  void compare_judges(const std::string& old, const std::string& now, Replayed& out) const {
    const bool of_size = logged_->reason == Reason::body_too_large;
    const auto had = judges(before_.original, old, of_size);
    const auto has = judges(after_.original, now, of_size);
    if (had == has) return;
    if (of_size) {
      out = cannot_tell("the length of the content", false);
    } else if (is_of_credentials(logged_->reason)) {
      if (!has.empty()) {
        out = cannot_tell("credentials", false);
      } else {
        out = {Verdict::different, "answer",
               fmt::format("{} {}", status_of(logged_->reason), name(logged_->reason)),
               "nobody is asked who it is", false};
      }
    } else {
      // Who has passed all that were asked passes some of them.
      const bool is_less = std::ranges::all_of(
          has, [&](const std::string& one) { return std::ranges::find(had, one) != had.end(); });
      if (!is_less) out = cannot_tell("credentials", false);
    }
  }

  Replayed verdict() const {
    if (is_too_much_ || leaves_.empty()) return cannot_tell(of_log(), false);
    const bool fits = std::ranges::any_of(leaves_, &Leaf::fits);
    // Shown is the last one: what holds is looked at first, and most requests have none of it.
    const Replayed* last = nullptr;
    bool mixed = false;
    for (const Leaf& leaf : leaves_) {
      if (fits && !leaf.fits) continue;
      if (last != nullptr) mixed = mixed || leaf.outcome.verdict != last->verdict;
      last = &leaf.outcome;
      if (leaf.outcome.verdict == Verdict::cannot_tell) {
        Replayed out = leaf.outcome;
        out.disagrees = !fits;
        return out;
      }
    }
    Replayed out = mixed ? cannot_tell(of_log(), false) : *last;
    out.disagrees = !fits;
    return out;
  }

  // What the log would have to have.
  std::string of_log() const {
    std::string out;
    for (const std::string& each : branched_) out += (out.empty() ? "" : ", ") + each;
    return out;
  }

  HiddenConditions hidden_;
  Side before_;
  Side after_;
  const bool has_cors_;
  bool looks_at_fields_ = false;  // some route may have a condition on user-agent or referer

  // Of the request that is looked at.
  const LoggedFacts* logged_ = nullptr;
  std::pair<std::string, std::string> listeners_;
  std::vector<Leaf> leaves_;
  std::vector<std::string> branched_;  // what decided between worlds
  bool is_too_much_ = false;
};

}  // namespace

std::expected<std::unique_ptr<Replay>, std::vector<config::Problem>> Replay::make(
    const config::Config& before, const config::Config& after) {
  auto out = std::make_unique<RealReplay>(before, after);
  if (auto compiled = out->compile(); !compiled) return std::unexpected(compiled.error());
  return out;
}

}  // namespace weir::server
