// The path condition of one route, taken apart. Owned by the route table; const: any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "route/expression.hpp"
#include "weir/config/model.hpp"

namespace weir::route {

struct Match;
struct Query;

class PathPattern {
 public:
  struct Segment {
    std::string text;  // normalised; of a parameter "{name}"
    bool is_param = false;
    bool has_parameters = false;  // path parameters, every ';' unencoded
  };
  // From the most to the least specific.
  enum class Rank : std::uint8_t { exact, params, regex, prefix };

  // Fails with the key and what is wrong.
  static std::expected<PathPattern, std::string> parse(const config::Match& match);

  Rank rank() const noexcept { return rank_; }
  // Of a path or a prefix; a prefix "/" has none, a path "/" has one that is empty.
  const std::vector<Segment>& segments() const noexcept { return segments_; }
  const Expression* expression() const noexcept { return expression_ ? &*expression_ : nullptr; }

  // Whether path parameters count: a segment has some of its own, or the expression speaks of ';'.
  bool has_parameters() const noexcept { return has_parameters_; }

  // Whether a path matches; the values of its parameters go to `match`. The index finds most routes
  // without asking.
  bool matches(const Query& query, Match& match) const noexcept;
  // "path /a/{b}", as an explanation calls it.
  std::string to_string(const config::Match& match) const;

  // Less is more specific. Expressions are equal here: file order decides.
  friend std::weak_ordering operator<=>(const PathPattern& a, const PathPattern& b) noexcept;

 private:
  Rank rank_ = Rank::prefix;
  std::vector<Segment> segments_;
  std::optional<Expression> expression_;
  bool has_parameters_ = false;
};

}  // namespace weir::route
