#include <algorithm>
#include <array>

#include "config/blocks.hpp"
#include "config/checks.hpp"
#include "config/kinds.hpp"
#include "weir/base/text.hpp"

namespace weir::config {

bool is_secret_name(std::string_view name) {
  constexpr std::array<std::string_view, 9> parts{"authorization", "cookie",  "token",
                                                  "secret",        "passwor", "api-key",
                                                  "api_key",       "apikey",  "credential"};
  const std::string lower = to_lower(name);
  if (lower == "key" || lower == "sig") return true;  // in a query
  return std::ranges::any_of(parts, [&](std::string_view part) { return lower.contains(part); });
}

Value field_values(std::vector<std::pair<std::string, std::string>>& target,
                   std::vector<Written>& templates) {
  return {
      .read =
          [&target, &templates](const Reader& in) {
            target.clear();
            in.each_entry([&](const std::string& key, const Reader& value) {
              std::string name = key;
              if (Wrong wrong = check_changeable_field_name(name)) {
                return value.key_error(std::move(*wrong));
              }
              if (std::ranges::any_of(
                      target, [&](const auto& each) { return iequals(each.first, name); })) {
                return value.key_error("the field is given twice");
              }
              auto written = value.text();
              if (!written) return;
              if (Wrong wrong = check_field_value(*written)) return value.error(std::move(*wrong));
              templates.push_back(value.written(*written));
              target.emplace_back(std::move(name), std::move(*written));
            });
          },
      .print =
          [&target] {
            Tree out = Tree::map();
            for (const auto& [name, value] : target) {
              out.set(name, is_secret_name(name) ? Tree(redacted) : Tree(value));
            }
            return out;
          },
      .schema =
          [] { return Tree::map({{"type", "object"}, {"additionalProperties", text_schema()}}); }};
}

Fields fields(HeaderChanges& changes, std::vector<Written>& templates) {
  return {{"set", field_values(changes.set, templates),
           "headers to set; they replace those of the same name"},
          {"add", field_values(changes.add, templates), "headers to add to those of the same name"},
          {"remove", texts(changes.remove, check_changeable_field_name),
           "headers to remove, before others are set and added"}};
}

}  // namespace weir::config
