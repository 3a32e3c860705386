#include "config/middleware_fields.hpp"

#include <algorithm>
#include <array>
#include <variant>

#include "config/blocks.hpp"
#include "config/document.hpp"

namespace weir::config {
namespace {

// In the order of MiddlewareSpec's alternatives.
constexpr std::array<std::string_view, 10> type_names{
    "cors", "ip_filter",  "body_limit",        "headers", "basic_auth",
    "jwt",  "rate_limit", "concurrency_limit", "api_key", "forward_auth"};
static_assert(type_names.size() == std::variant_size_v<MiddlewareSpec>);

constexpr std::array<std::string_view, 8> later_types{
    "load_shed", "compress", "cache", "coalesce", "offload", "idempotency", "waf", "oidc"};

// The alternative of that index with its defaults.
template <std::size_t Index = 0>
MiddlewareSpec spec_of(std::size_t index) {
  if constexpr (Index + 1 < std::variant_size_v<MiddlewareSpec>) {
    if (index != Index) return spec_of<Index + 1>(index);
  }
  return MiddlewareSpec(std::in_place_index<Index>);
}

void read_type(const std::string& type, const Reader& in, std::optional<MiddlewareSpec>& out,
               std::vector<Written>& templates) {
  const auto known = std::ranges::find(type_names, type);
  if (known == type_names.end()) {
    const bool later = std::ranges::find(later_types, type) != later_types.end();
    return in.key_error(later ? not_supported(type)
                              : "unknown middleware type " + in_quotes(type) +
                                    in.context().problems.did_you_mean(type, type_names));
  }
  out = spec_of(static_cast<std::size_t>(known - type_names.begin()));
  const std::size_t errors = in.context().problems.error_count();
  read_fields(in, fields(*out, templates));
  if (in.context().problems.error_count() != errors) return;  // what follows would follow from them
  const std::string_view wrong = std::visit([](const auto& spec) { return fault(spec); }, *out);
  if (!wrong.empty()) in.error(std::string(wrong));
}

}  // namespace

std::string_view type_name(const MiddlewareSpec& spec) { return type_names[spec.index()]; }

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
      value.key_error("a middleware has one type; make this another entry");
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
    properties.set(type_names[index], schema_fields(fields(spec, unused)));
  }
  return one_key_schema(std::move(properties));
}

}  // namespace weir::config
