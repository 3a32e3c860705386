// What a route asks of a request besides host and path. Owned by the route table; const: any
// thread.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "route/expression.hpp"
#include "weir/config/model.hpp"
#include "weir/route/route_table.hpp"

namespace weir::route {

// A condition on a header field or on a query parameter.
class ValueCondition {
 public:
  static std::expected<ValueCondition, std::string> compile(const config::ValueMatch& match);

  // Any line of a repeated field may satisfy it. Expressions see the whole value.
  bool holds(const HeaderMap& headers) const noexcept;
  // The first occurrence counts, percent-decoded.
  bool holds_in_query(std::string_view query) const noexcept;
  // "x-version is not '2'", "x-version is absent", ...: why it did not hold.
  std::string refusal() const;

 private:
  bool value_matches(std::string_view value) const noexcept;

  std::string name_;
  FieldId id_ = FieldId::other;
  config::ValueMatch::Kind kind_ = config::ValueMatch::Kind::equals;
  std::string value_;
  std::optional<Expression> expression_;
};

class Conditions {
 public:
  using MethodMask = std::uint16_t;  // a bit per Method

  // Fails with the key and what is wrong, for each that is.
  static std::expected<Conditions, std::vector<std::string>> compile(
      const config::Match& match, std::span<const config::Listener> listeners);

  static constexpr MethodMask bit(Method method) noexcept {
    return static_cast<MethodMask>(1U << static_cast<unsigned>(method));
  }

  // Which methods may pass; Method::other then still depends on its text. All when none is given.
  MethodMask methods() const noexcept { return methods_; }
  // As text, unknown to us.
  const std::vector<std::string>& other_methods() const noexcept { return other_methods_; }
  // Whether `methods()` is all there is to check.
  bool only_methods() const noexcept { return only_methods_; }

  bool all_hold(const Query& query) const noexcept {
    return method_holds(query) && all_but_method_hold(query);
  }
  bool all_but_method_hold(const Query& query) const noexcept;

  bool method_holds(const Query& query) const noexcept;
  // Those of the connection, not of the request.
  bool listener_holds(const Query& query) const noexcept;
  bool scheme_holds(const Query& query) const noexcept;

  // Appends a line for each condition that does not hold.
  void explain(const Query& query, const config::Match& match, std::vector<std::string>& out) const;

 private:
  bool only_methods_ = true;
  bool any_method_ = true;
  MethodMask methods_ = 0;
  std::optional<Scheme> scheme_;
  std::vector<std::string> other_methods_;
  std::vector<bool> listeners_;  // by index; empty for all
  std::vector<ValueCondition> headers_;
  std::vector<ValueCondition> query_;
};

}  // namespace weir::route
