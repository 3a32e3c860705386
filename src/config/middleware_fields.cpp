#include "config/middleware_fields.hpp"

#include <algorithm>
#include <array>
#include <variant>

#include "config/blocks.hpp"
#include "config/document.hpp"
#include "config/foreign_words.hpp"

namespace weir::config {
namespace {

// Calls fn with the alternatives of MiddlewareSpec as template arguments.
template <class... Specs, class Fn>
constexpr auto with_types(const std::variant<Specs...>*, Fn fn) {
  return fn.template operator()<Specs...>();
}
constexpr const MiddlewareSpec* all_types = nullptr;

// In the order of MiddlewareSpec's alternatives.
constexpr auto type_names =
    with_types(all_types, []<class... Specs> { return std::array{Specs::type...}; });

constexpr std::array<std::string_view, 7> later_types{"compress",    "cache", "coalesce", "offload",
                                                      "idempotency", "waf",   "oidc"};

// The alternative of that index with its defaults.
template <std::size_t Index = 0>
MiddlewareSpec spec_of(std::size_t index) {
  if constexpr (Index + 1 < std::variant_size_v<MiddlewareSpec>) {
    if (index != Index) return spec_of<Index + 1>(index);
  }
  return MiddlewareSpec(std::in_place_index<Index>);
}

std::string wrong_type(const std::string& type, const Reader& in) {
  if (std::ranges::find(later_types, type) != later_types.end()) return not_supported(type);
  std::string what = "unknown middleware type " + in_quotes(type);
  if (const ForeignKey* foreign = foreign_key("middleware.*", type)) {
    return what + "; " + std::string(foreign->remedy);
  }
  return what + in.context().problems.known_words(type, type_names);
}

void read_type(const std::string& type, const Reader& in, std::optional<MiddlewareSpec>& out,
               std::vector<Written>& templates) {
  Problems& problems = in.context().problems;
  const auto* known = std::ranges::find(type_names, type);
  const bool misspelt = known == type_names.end();
  if (misspelt) {
    const std::string message = wrong_type(type, in);
    in.key_error(message);
    if (!message.ends_with("?)")) return;
    // What a misspelt type says is read, too.
    known = std::ranges::find(type_names, problems.nearest_word(type, type_names));
    if (known == type_names.end()) return;
  }
  out = spec_of(static_cast<std::size_t>(known - type_names.begin()));
  const std::size_t errors = problems.error_count();
  read_fields(in, fields(*out, templates));
  if (misspelt) return problems.forget_errors(errors, in.path());
  if (problems.error_count() != errors) return;  // what follows would follow from them
  const std::string_view wrong = std::visit([](const auto& spec) { return fault(spec); }, *out);
  if (!wrong.empty()) in.error(std::string(wrong));
}

}  // namespace

bool is_middleware_type(std::string_view word) {
  return std::ranges::find(type_names, word) != type_names.end();
}

Fields fields(MiddlewareSpec& spec, std::vector<Written>& templates) {
  return std::visit([&](auto& each) { return fields(each, templates); }, spec);
}

std::optional<MiddlewareSpec> read_middleware(const Reader& in, std::vector<Written>& templates) {
  std::optional<MiddlewareSpec> out;
  std::size_t types = 0;
  in.each_entry([&](const std::string& type, const Reader& value) {
    if (++types == 1) {
      read_type(type, value, out, templates);
    } else {
      value.key_error("a middleware has one type; write another entry for this one");
    }
  });
  if (in.is_map() && types == 0) in.error("has no type; write one like {cors: {...}}");
  return out;
}

Tree print_middleware(const MiddlewareSpec& spec) {
  MiddlewareSpec copy = spec;
  std::vector<Written> unused;
  Tree out = Tree::map();
  out.set(type_name(spec), print_fields(fields(copy, unused)));
  return out;
}

Tree middleware_schema() {
  Tree properties = Tree::map();
  for (std::size_t index = 0; index < type_names.size(); ++index) {
    MiddlewareSpec spec = spec_of(index);
    std::vector<Written> unused;
    Tree schema = schema_fields(fields(spec, unused));
    std::visit(
        [&schema](const auto& each) {
          schema.set("description", each.purpose);
          if constexpr (requires { each.needs_one_of; }) {
            schema =
                with_rules(schema, {at_least_one({each.needs_one_of[0], each.needs_one_of[1]})});
          }
        },
        spec);
    properties.set(type_name(spec), std::move(schema));
  }
  return one_key_schema(std::move(properties));
}

}  // namespace weir::config
