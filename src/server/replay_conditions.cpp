#include "server/replay_conditions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <variant>

#include "weir/base/text.hpp"
#include "weir/config/redacted_parameters.hpp"

namespace weir::server {
namespace {

constexpr std::string_view mark_name = "weir-hidden-";

bool judges_credentials(const config::MiddlewareSpec& spec) {
  return std::holds_alternative<config::Jwt>(spec) ||
         std::holds_alternative<config::ApiKey>(spec) ||
         std::holds_alternative<config::BasicAuth>(spec) ||
         std::holds_alternative<config::ForwardAuth>(spec);
}

}  // namespace

bool HiddenConditions::is_hidden(const Condition& condition) const {
  if (!condition.in_query) {
    // A referer has the query of the page before.
    return condition.name != "host" && condition.name != "user-agent" &&
           (condition.name != "referer" || policy_ != config::QueryPolicy::keep);
  }
  if (policy_ != config::QueryPolicy::redact) return policy_ == config::QueryPolicy::drop;
  return std::ranges::any_of(config::redacted_parameters,
                             [&](std::string_view one) { return iequals(one, condition.name); });
}

std::size_t HiddenConditions::number_of(const Condition& condition) {
  const auto [found, fresh] = numbers_.try_emplace(condition, known_.size());
  if (fresh) {
    known_.push_back(condition);
    names_.push_back((condition.in_query ? "query " : "header ") + condition.name);
  }
  return found->second;
}

void HiddenConditions::replace(std::vector<config::ValueMatch>& conditions, bool in_query,
                               std::vector<std::size_t>& used) {
  for (config::ValueMatch& each : conditions) {
    const Condition condition{in_query, in_query ? each.name : to_lower(each.name), each.kind,
                              each.value};
    if (!is_hidden(condition)) continue;
    const std::size_t number = number_of(condition);
    if (std::ranges::find(used, number) == used.end()) used.push_back(number);
    each.name = fmt::format("{}{}", mark_name, number);
    each.kind = Kind::present;
    each.value.clear();
  }
}

config::Config HiddenConditions::replace(const config::Config& config) {
  config::Config out = config;
  out.tests.clear();
  const auto judges = [&](const std::string& name) {
    const config::Middleware* const found = config.find_middleware(name);
    return found != nullptr && judges_credentials(found->spec);
  };
  auto& routes = routes_.emplace_back();
  for (config::Route& route : out.routes) {
    std::vector<std::size_t> used;
    replace(route.match.headers, false, used);
    replace(route.match.query, true, used);
    if (!used.empty()) routes.emplace(route.name, std::move(used));
    std::erase_if(route.middleware, judges);
  }
  std::erase_if(out.middleware,
                [](const config::Middleware& one) { return judges_credentials(one.spec); });
  return out;
}

const std::vector<std::size_t>& HiddenConditions::of_route(std::size_t config,
                                                           const std::string& route) const {
  static const std::vector<std::size_t> none;
  const auto found = routes_[config].find(route);
  return found == routes_[config].end() ? none : found->second;
}

bool HiddenConditions::settle(ConditionWorld& world, std::size_t condition, bool holds) const {
  using State = ConditionWorld::State;
  const auto put = [&](std::size_t which, bool as) {
    State& state = world.states_[which];
    const State wanted = as ? State::holds : State::fails;
    if (state == State::open) state = wanted;
    return state == wanted;
  };
  if (!put(condition, holds)) return false;
  const Condition& own = known_[condition];
  // Whether the header is there, if that follows.
  std::optional<bool> is_there;
  if (own.kind == Kind::absent) {
    is_there = !holds;
  } else if (holds || own.kind == Kind::present) {
    is_there = holds;
  }
  for (std::size_t i = 0; i < known_.size(); ++i) {
    const Condition& other = known_[i];
    if (i == condition || other.in_query != own.in_query || other.name != own.name) continue;
    std::optional<bool> follows;
    if (other.kind == Kind::absent || other.kind == Kind::present) {
      if (is_there) follows = *is_there == (other.kind == Kind::present);
    } else if (is_there == false) {
      follows = false;
    } else if (holds && own.kind == Kind::equals && other.kind == Kind::equals) {
      follows = false;  // another value
    }
    if (follows && !put(i, *follows)) return false;
  }
  return true;
}

void HiddenConditions::mark(const ConditionWorld& world, ExplainRequest& request) const {
  for (std::size_t i = 0; i < known_.size(); ++i) {
    if (world[i] == ConditionWorld::State::fails) continue;
    if (known_[i].in_query) {
      const bool first = !request.url.contains('?');
      request.url += fmt::format("{}{}{}=", first ? '?' : '&', mark_name, i);
    } else {
      request.headers.emplace_back(fmt::format("{}{}", mark_name, i), "1");
    }
  }
}

std::string HiddenConditions::unmarked(std::string text) {
  for (std::size_t at = 0; (at = text.find(mark_name, at)) != std::string::npos;) {
    const std::size_t end = text.find('=', at);
    if (at == 0 || end == std::string::npos) break;
    const bool leads = text[at - 1] == '?';
    const bool more = end + 1 < text.size() && text[end + 1] == '&';
    // The sign before it goes, too, unless it leads what follows.
    const std::size_t begin = leads && more ? at : at - 1;
    text.erase(begin, end + 1 - begin + (leads && more ? 1 : 0));
    at = begin;
  }
  return text;
}

}  // namespace weir::server
