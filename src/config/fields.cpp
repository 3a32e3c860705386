#include "config/fields.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace weir::config {

std::string not_supported(std::string_view word) {
  return in_quotes(word) + " is not supported by this version";
}

const Place& Places::of(std::string_view key, const Place& block) const noexcept {
  const auto found = std::ranges::find(places_, key, &std::pair<std::string_view, Place>::first);
  return found == places_.end() ? block : found->second;
}

bool Places::has(std::string_view key) const noexcept {
  return std::ranges::find(places_, key, &std::pair<std::string_view, Place>::first) !=
         places_.end();
}

Places read_fields(const Reader& in, const Fields& fields) {
  Places places;
  std::vector<const Field*> seen;
  in.each_entry([&](const std::string& key, const Reader& value) {
    const auto field = std::ranges::find(fields, key, &Field::key);
    if (key == "<<") return;  // the document's check has said so
    if (field == fields.end()) {
      std::vector<std::string_view> known;
      for (const Field& each : fields) {
        if (each.value.read) known.push_back(each.key);
      }
      value.key_error("unknown key " + in_quotes(key) +
                      in.context().problems.known_words(key, known));
    } else if (!field->value.read) {
      value.key_error(not_supported(key));
    } else if (std::ranges::find(seen, &*field) == seen.end()) {
      seen.push_back(&*field);
      places.add(field->key, value.place());
      if (KeyPlaces* noted = in.context().key_places) {
        noted->insert_or_assign(value.path(), value.place());
      }
      field->value.read(value);
    }
  });
  if (!in.is_map()) return places;
  for (const Field& field : fields) {
    if (field.need == Need::required && std::ranges::find(seen, &field) == seen.end()) {
      in.error(fmt::format("'{}' is required: {}", field.key, field.doc));
    }
  }
  return places;
}

Tree print_fields(const Fields& fields) {
  Tree out = Tree::map();
  for (const Field& field : fields) {
    if (field.value.print) out.set(field.key, field.value.print());
  }
  return out;
}

Tree schema_fields(const Fields& fields) {
  Tree properties = Tree::map();
  Tree required = Tree::list();
  bool any_required = false;
  for (const Field& field : fields) {
    if (!field.value.schema) continue;
    Tree schema = field.value.schema();
    schema.set("description", field.doc);
    if (field.need == Need::required) {
      required.push(field.key);
      any_required = true;
    } else if (schema.find("properties") == nullptr) {
      schema.set("default", field.value.print());
    }
    properties.set(field.key, std::move(schema));
  }
  Tree out = Tree::map({{"type", "object"}, {"additionalProperties", false}});
  out.set("properties", std::move(properties));
  if (any_required) out.set("required", std::move(required));
  return out;
}

Tree one_key_schema(Tree properties) {
  Tree out = Tree::map({{"type", "object"},
                        {"additionalProperties", false},
                        {"minProperties", std::int64_t{1}},
                        {"maxProperties", std::int64_t{1}}});
  out.set("properties", std::move(properties));
  return out;
}

Value block(Fields fields) {
  return {.read = [fields](const Reader& in) { read_fields(in, fields); },
          .print = [fields] { return print_fields(fields); },
          .schema = [fields = std::move(fields)] { return schema_fields(fields); }};
}

Value printed_if(std::function<bool()> condition, Value value) {
  value.print = [condition = std::move(condition), print = std::move(value.print)] {
    return condition() ? print() : Tree();
  };
  return value;
}

}  // namespace weir::config
