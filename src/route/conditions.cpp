#include "route/conditions.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "weir/base/text.hpp"
#include "weir/http/url_path.hpp"
#include "weir/route/field_condition.hpp"

namespace weir::route {
namespace {

std::string join_words(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
}

}  // namespace

std::expected<ValueCondition, std::string> ValueCondition::compile(
    const config::ValueMatch& match) {
  ValueCondition condition;
  condition.name_ = match.name;
  condition.id_ = field_id(match.name);
  condition.kind_ = match.kind;
  condition.value_ = match.value;
  if (match.kind == config::ValueMatch::Kind::regex) {
    auto expression = Expression::compile(match.value);
    if (!expression) return std::unexpected(match.name + ": " + expression.error());
    condition.expression_ = std::move(*expression);
  }
  return condition;
}

bool ValueCondition::value_matches(std::string_view value) const noexcept {
  switch (kind_) {
    case config::ValueMatch::Kind::equals:
      return value == value_;
    case config::ValueMatch::Kind::regex:
      return expression_->matches(value);
    case config::ValueMatch::Kind::present:
      return true;
    case config::ValueMatch::Kind::absent:
      break;
  }
  return false;
}

bool ValueCondition::holds(const HeaderMap& headers) const noexcept {
  bool found = false;
  for (const HeaderMap::Field& field : headers) {
    if (field.id != id_ || (id_ == FieldId::other && !iequals(field.name, name_))) continue;
    if (value_matches(field.value)) return true;
    found = true;
  }
  return kind_ == config::ValueMatch::Kind::absent && !found;
}

bool ValueCondition::holds_in_query(std::string_view query) const noexcept {
  const auto value = query_value(query, name_);
  if (!value) return kind_ == config::ValueMatch::Kind::absent;
  if (kind_ == config::ValueMatch::Kind::equals) return decodes_to(*value, value_);
  if (kind_ != config::ValueMatch::Kind::regex || value->find('%') == std::string_view::npos) {
    return value_matches(*value);
  }
  std::array<char, 2048> room;
  if (value->size() > room.size()) return value_matches(percent_decode(*value));
  return value_matches({room.data(), percent_decode(*value, room.data())});
}

std::string ValueCondition::refusal() const {
  switch (kind_) {
    case config::ValueMatch::Kind::equals:
      return name_ + " is not '" + value_ + "'";
    case config::ValueMatch::Kind::regex:
      return name_ + " does not match '" + value_ + "'";
    case config::ValueMatch::Kind::present:
      return name_ + " is absent";
    case config::ValueMatch::Kind::absent:
      break;
  }
  return name_ + " is present";
}

std::string refusal_of(const config::ValueMatch& condition, const HeaderMap& headers) {
  const auto compiled = ValueCondition::compile(condition);
  if (!compiled) return compiled.error();
  return compiled->holds(headers) ? "" : compiled->refusal();
}

std::expected<Conditions, std::vector<std::string>> Conditions::compile(
    const config::Match& match, std::span<const config::Listener> listeners) {
  Conditions out;
  std::vector<std::string> errors;

  out.any_method_ = match.methods.empty();
  for (const std::string& name : match.methods) {
    const Method method = parse_method(name);
    out.methods_ |= bit(method);
    if (method == Method::get) out.methods_ |= bit(Method::head);
    if (method == Method::other) out.other_methods_.push_back(name);
  }
  if (out.any_method_) out.methods_ = (1U << method_count) - 1;

  if (!match.scheme.empty()) out.scheme_ = match.scheme == "https" ? Scheme::https : Scheme::http;

  if (!match.listeners.empty()) out.listeners_.assign(listeners.size(), false);
  for (const std::string& name : match.listeners) {
    const auto found = std::ranges::find(listeners, name, &config::Listener::name);
    if (found == listeners.end()) {
      errors.push_back("listeners: unknown listener '" + name + "'");
    } else {
      out.listeners_[static_cast<std::size_t>(found - listeners.begin())] = true;
    }
  }

  const auto compile_values = [&errors](std::string_view key,
                                        const std::vector<config::ValueMatch>& from,
                                        std::vector<ValueCondition>& to) {
    for (const config::ValueMatch& value : from) {
      auto condition = ValueCondition::compile(value);
      if (condition) {
        to.push_back(std::move(*condition));
      } else {
        errors.push_back(std::string(key) + "." + condition.error());
      }
    }
  };
  compile_values("headers", match.headers, out.headers_);
  compile_values("query", match.query, out.query_);

  if (!errors.empty()) return std::unexpected(std::move(errors));
  out.only_methods_ = out.other_methods_.empty() && !out.scheme_ && out.listeners_.empty() &&
                      out.headers_.empty() && out.query_.empty();
  return out;
}

bool Conditions::method_holds(const Query& query) const noexcept {
  if ((methods_ & bit(query.method)) == 0) return false;
  return any_method_ || query.method != Method::other ||
         std::ranges::find(other_methods_, query.method_text) != other_methods_.end();
}

bool Conditions::listener_holds(const Query& query) const noexcept {
  return listeners_.empty() || (query.listener < listeners_.size() && listeners_[query.listener]);
}

bool Conditions::scheme_holds(const Query& query) const noexcept {
  return !scheme_ || *scheme_ == query.scheme;
}

bool Conditions::all_but_method_hold(const Query& query) const noexcept {
  if (!listener_holds(query) || !scheme_holds(query)) return false;
  for (const ValueCondition& condition : headers_) {
    if (!condition.holds(query.headers)) return false;
  }
  for (const ValueCondition& condition : query_) {
    if (!condition.holds_in_query(query.query)) return false;
  }
  return true;
}

void Conditions::explain(const Query& query, const config::Match& match,
                         std::vector<std::string>& out) const {
  if (!method_holds(query)) {
    const std::string method(query.method == Method::other ? query.method_text
                                                           : method_label(query.method));
    out.push_back("method " + method + " is not among " + join_words(match.methods));
  }
  if (!listener_holds(query)) out.push_back("listener is not among " + join_words(match.listeners));
  if (!scheme_holds(query)) out.push_back("scheme is not " + match.scheme);
  for (const ValueCondition& condition : headers_) {
    if (!condition.holds(query.headers)) out.push_back("header " + condition.refusal());
  }
  for (const ValueCondition& condition : query_) {
    if (!condition.holds_in_query(query.query)) out.push_back("query " + condition.refusal());
  }
}

}  // namespace weir::route
