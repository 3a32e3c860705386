// Conditions of routes on what an access log does not have: headers, and queries that it hides. A
// configuration gets a copy in which each such condition asks for a mark instead, which a replayed
// request has or has not: so the route table itself says which route wins if a condition holds.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "weir/config/model.hpp"
#include "weir/server/explain.hpp"

namespace weir::server {

// Which of the conditions hold; of those that nothing is known of, nothing.
class ConditionWorld {
 public:
  enum class State : std::uint8_t { open, holds, fails };

  explicit ConditionWorld(std::size_t conditions) : states_(conditions, State::open) {}
  State operator[](std::size_t condition) const noexcept { return states_[condition]; }

 private:
  friend class HiddenConditions;
  std::vector<State> states_;
};

class HiddenConditions {
 public:
  // What of a query the log has.
  explicit HiddenConditions(config::QueryPolicy policy) : policy_(policy) {}

  // The copy of `config`: without what judges credentials and without tests. Notes the conditions
  // of its routes.
  config::Config replace(const config::Config& config);

  std::size_t size() const noexcept { return known_.size(); }
  // "header x-canary"
  const std::string& name(std::size_t condition) const noexcept { return names_[condition]; }
  // Those of a route of either configuration that replace() was called for, first or second.
  const std::vector<std::size_t>& of_route(std::size_t config, const std::string& route) const;

  // Settles an open one, and what follows for others of the same name; false if that contradicts
  // what is settled.
  bool settle(ConditionWorld& world, std::size_t condition, bool holds) const;

  // Gives a request the marks of those that hold or, since they may, are open.
  void mark(const ConditionWorld& world, ExplainRequest& request) const;
  // A text without those marks.
  static std::string unmarked(std::string text);

 private:
  using Kind = config::ValueMatch::Kind;
  struct Condition {
    bool in_query = false;
    std::string name;  // of a header in lower case
    Kind kind = Kind::equals;
    std::string value;
    friend auto operator<=>(const Condition&, const Condition&) = default;
  };

  bool is_hidden(const Condition& condition) const;
  std::size_t number_of(const Condition& condition);
  void replace(std::vector<config::ValueMatch>& conditions, bool in_query,
               std::vector<std::size_t>& used);

  config::QueryPolicy policy_;
  std::vector<Condition> known_;
  std::vector<std::string> names_;
  std::map<Condition, std::size_t> numbers_;
  std::vector<std::unordered_map<std::string, std::vector<std::size_t>>> routes_;
};

}  // namespace weir::server
