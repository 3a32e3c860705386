#include "config/schema.hpp"

#include <utility>
#include <vector>

namespace weir::config {
namespace {

Tree list_of(std::initializer_list<Tree> items) {
  Tree out = Tree::list();
  for (const Tree& item : items) out.push(item);
  return out;
}

Tree each_required(Keys keys) {
  Tree out = Tree::list();
  for (const std::string_view key : keys) out.push(required_schema({key}));
  return out;
}

}  // namespace

Tree any_of(std::initializer_list<Tree> schemas) {
  return Tree::map({{"anyOf", list_of(schemas)}});
}

Tree or_variable(Tree schema) {
  return any_of({std::move(schema), Tree::map({{"$ref", "#/$defs/variable"}})});
}

Tree variable_schema() {
  return Tree::map({{"type", "string"},
                    {"pattern", R"(\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\})"},
                    {"description", "${NAME} or ${NAME:-default}: taken from the environment"}});
}

Tree pattern_schema(std::string_view pattern) {
  return or_variable(Tree::map({{"type", "string"}, {"pattern", pattern}}));
}

Tree nullable_text_schema() {
  Tree types = Tree::list();
  types.push("string");
  types.push("null");
  return Tree::map({{"type", std::move(types)}});
}

Tree name_schema() { return pattern_schema("^[A-Za-z0-9_.-]{1,64}$"); }

Tree one_or_more(const Tree& item) {
  return any_of({item, Tree::map({{"type", "array"}, {"items", item}, {"uniqueItems", true}})});
}

Tree required_schema(Keys keys) {
  Tree list = Tree::list();
  for (const std::string_view key : keys) list.push(key);
  return Tree::map({{"required", std::move(list)}});
}

Tree not_schema(Tree schema) { return Tree::map({{"not", std::move(schema)}}); }

Tree exactly_one(Keys keys) { return Tree::map({{"oneOf", each_required(keys)}}); }

Tree at_most_one(Keys keys) {
  Tree pairs = Tree::list();
  for (const auto* one = keys.begin(); one != keys.end(); ++one) {
    for (const auto* other = one + 1; other != keys.end(); ++other) {
      pairs.push(not_schema(required_schema({*one, *other})));
    }
  }
  return Tree::map({{"allOf", std::move(pairs)}});
}

Tree at_least_one(Keys keys) { return Tree::map({{"anyOf", each_required(keys)}}); }

Tree needs(std::string_view key, Keys others) {
  Tree any = each_required(others);
  any.push(not_schema(required_schema({key})));
  return Tree::map({{"anyOf", std::move(any)}});
}

Tree with_rules(Tree schema, std::initializer_list<Tree> rules) {
  schema.set("allOf", list_of(rules));
  return schema;
}

}  // namespace weir::config
