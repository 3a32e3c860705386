// A block of the configuration as a table of its keys. Three things are done with such a table and
// with nothing else: it reads a mapping of the file, prints what is in force, and describes itself
// as JSON Schema. So a key that loads is printed and documented, too.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/reader.hpp"
#include "config/schema.hpp"
#include "config/tree.hpp"

namespace weir::config {

// A value bound to the variable that holds it; valid as long as the variable.
struct Value {
  std::function<void(const Reader&)> read;  // reports what is wrong and then leaves the variable
  std::function<Tree()> print;              // nothing: the key is left out
  std::function<Tree()> schema;             // without description and default
};

enum class Need : std::uint8_t { optional, required };

struct Field {
  std::string_view key;
  Value value;           // none: the key is of the language, its feature not of this version
  std::string_view doc;  // one line
  Need need = Need::optional;
};
using Fields = std::vector<Field>;

inline Field unsupported(std::string_view key) { return {key, {}, {}, Need::optional}; }
std::string not_supported(std::string_view word);  // "'tls' is not supported by this version"

// Where the values of a block stand, by key.
class Places {
 public:
  void add(std::string_view key, const Place& place) { places_.emplace_back(key, place); }
  // Where the block itself stands if it has no such key.
  const Place& of(std::string_view key, const Place& block) const noexcept;
  bool has(std::string_view key) const noexcept;  // whether it was written

  // A key that the block has not. `meant`: its own key that it stands for, "" if that is not known.
  void note_unknown(std::string_view meant) { meant_.push_back(meant); }
  bool has_unknown() const noexcept { return !meant_.empty(); }
  const std::vector<std::string_view>& meant() const noexcept { return meant_; }

 private:
  std::vector<std::pair<std::string_view, Place>> places_;
  std::vector<std::string_view> meant_;
};

// Reads a mapping; reports unknown, unsupported and missing keys. What a misspelt key says is read,
// too.
Places read_fields(const Reader& in, const Fields& fields);
Tree print_fields(const Fields& fields);
Tree schema_fields(const Fields& fields);
// Of a map that has exactly one of `properties`.
Tree one_key_schema(Tree properties);

// A mapping inside a block.
Value block(Fields fields);

// A mapping that is off when absent. `fields(T&)` is its table. T{}: clang takes a nested struct
// with default values for one without a default constructor.
template <class T, class MakeFields>
Value optional_block(std::optional<T>& target, MakeFields fields) {
  return {
      .read = [&target, fields](const Reader& in) { read_fields(in, fields(target.emplace(T{}))); },
      .print = [&target, fields] { return target ? print_fields(fields(*target)) : Tree(); },
      .schema =
          [fields] {
            T sample{};
            return schema_fields(fields(sample));
          }};
}

// The same, which may also be written `off`, `on` (as `{}`) or `null` (as `off`).
template <class T, class MakeFields>
Value switchable_block(std::optional<T>& target, MakeFields fields) {
  return {
      .read =
          [&target, fields](const Reader& in) {
            target.reset();
            if (in.is_null()) return;
            if (!in.is_text()) return void(read_fields(in, fields(target.emplace(T{}))));
            if (const auto on = in.parse(parse_flag); on && *on) target.emplace(T{});
          },
      .print = [&target, fields] { return target ? print_fields(fields(*target)) : Tree(false); },
      .schema =
          [fields] {
            T sample{};
            Tree words = Tree::list();
            for (const char* word : {"off", "on"}) words.push(word);
            for (const bool word : {false, true}) words.push(word);
            return any_of({or_variable(Tree::map({{"enum", std::move(words)}})),
                           Tree::map({{"type", "null"}}), schema_fields(fields(sample))});
          }};
}

// `value`, printed only if `condition()` holds.
Value printed_if(std::function<bool()> condition, Value value);

// A list of at least one mapping. `fields(T&)` is the table of one; `then(T&, const Reader&)` is
// called after an item was read.
template <class T, class MakeFields, class Then>
Value blocks(std::vector<T>& target, MakeFields fields, Then then) {
  return {.read =
              [&target, fields, then](const Reader& in) {
                target.clear();
                in.each_item([&](const Reader& item) {
                  T& value = target.emplace_back();
                  read_fields(item, fields(value));
                  then(value, item);
                });
                if (in.is_list() && target.empty()) in.error("must not be empty");
              },
          .print =
              [&target, fields] {
                Tree out = Tree::list();
                for (T& value : target) out.push(print_fields(fields(value)));
                return out;
              },
          .schema =
              [fields] {
                T sample{};
                return Tree::map({{"type", "array"},
                                  {"minItems", std::int64_t{1}},
                                  {"items", schema_fields(fields(sample))}});
              }};
}

}  // namespace weir::config
