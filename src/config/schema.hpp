// Pieces of the JSON Schema that several tables share.
#pragma once

#include <initializer_list>
#include <string_view>

#include "config/tree.hpp"

namespace weir::config {

// `schema`, or a text with ${NAME} in it: what a variable holds is not known before the start.
Tree or_variable(Tree schema);
// What or_variable() refers to, below $defs.
Tree variable_schema();

Tree any_of(std::initializer_list<Tree> schemas);
// A text of that pattern, or with a variable.
Tree pattern_schema(std::string_view pattern);
Tree name_schema();
// A text, or `null`.
Tree nullable_text_schema();
// A list of `item`, none twice, or one alone.
Tree one_or_more(const Tree& item);

// Rules of a mapping's keys.
using Keys = std::initializer_list<std::string_view>;
Tree required_schema(Keys keys);
Tree not_schema(Tree schema);
Tree exactly_one(Keys keys);
Tree at_most_one(Keys keys);
Tree at_least_one(Keys keys);
// Where `key` is written one of the others is, too.
Tree needs(std::string_view key, Keys others);
// `schema` with such rules. REQUIRES: it has none yet.
Tree with_rules(Tree schema, std::initializer_list<Tree> rules);

}  // namespace weir::config
