// What the configuration is printed through: a JSON-like value that keeps the order of its keys.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace weir::config {

class Tree {
 public:
  using Entry = std::pair<std::string, Tree>;

  Tree() = default;  // nothing: a map leaves it out
  Tree(std::nullptr_t) : value_(nullptr) {}
  Tree(bool value) : value_(value) {}
  Tree(std::int64_t value) : value_(value) {}
  Tree(std::string value) : value_(std::move(value)) {}
  Tree(std::string_view value) : value_(std::string(value)) {}
  Tree(const char* value) : value_(std::string(value)) {}
  static Tree list() { return Tree(List{}); }
  static Tree map(std::initializer_list<Entry> entries = {});

  bool is_nothing() const noexcept { return std::holds_alternative<std::monostate>(value_); }

  // Adds to a list or a map; nothing is left out. REQUIRES: this is one.
  void push(Tree value);
  void set(std::string_view key, Tree value);
  // The value of `key`, nullptr if this is no map or has none.
  const Tree* find(std::string_view key) const noexcept;
  // The keys of a map in order; none of anything else.
  std::vector<std::string_view> keys() const;
  // The items of a list, nullptr of anything else.
  const std::vector<Tree>* items() const noexcept { return std::get_if<List>(&value_); }

  std::string to_json() const;  // two spaces an indent, newline at the end
  std::string to_yaml() const;  // block style

 private:
  using List = std::vector<Tree>;
  using Map = std::vector<Entry>;
  explicit Tree(List list) : value_(std::move(list)) {}
  explicit Tree(Map map) : value_(std::move(map)) {}

  void append_json(std::string& out, std::size_t indent) const;
  void append_yaml(std::string& out, std::size_t indent) const;

  std::variant<std::monostate, std::nullptr_t, bool, std::int64_t, std::string, List, Map> value_;
};

}  // namespace weir::config
