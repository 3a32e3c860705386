#include "config/fields.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/blocks.hpp"
#include "config/foreign_words.hpp"

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

namespace {

// Reads one block.
class Block {
 public:
  Block(const Reader& in, const Fields& fields) : in_(in), fields_(fields) {}

  Places read() && {
    if (in_.is_map()) {
      in_.each_entry([this](const std::string& key, const Reader&) { written_.push_back(key); });
    }
    in_.each_entry([this](const std::string& key, const Reader& value) { entry(key, value); });
    if (in_.is_map()) ask_for_required();
    return std::move(places_);
  }

 private:
  bool is_written(std::string_view key) const {
    return std::ranges::find(written_, key) != written_.end();
  }

  void entry(const std::string& key, const Reader& value) {
    const auto field = std::ranges::find(fields_, key, &Field::key);
    if (key == "<<") return;  // the document's check has said so
    if (field == fields_.end()) {
      unknown(key, value);
    } else if (!field->value.read) {
      value.key_error(not_supported(key));
    } else {
      take(*field, value);
    }
  }

  void take(const Field& field, const Reader& value) {
    if (std::ranges::find(seen_, &field) != seen_.end()) return;
    seen_.push_back(&field);
    places_.add(field.key, value.place());
    if (KeyPlaces* noted = in_.context().key_places) {
      noted->insert_or_assign(value.path(), value.place());
    }
    field.value.read(value);
  }

  // What a misspelt key says is read as if it were spelt well, and what is meant by a foreign one
  // is not asked for: what would follow from the mistake is no other mistake.
  void unknown(const std::string& key, const Reader& value) {
    const std::string what = "unknown key " + in_quotes(key);
    if (const ForeignKey* foreign = foreign_key(in_.path(), key)) {
      places_.note_unknown(foreign->instead);
      const auto meant = std::ranges::find(fields_, foreign->instead, &Field::key);
      if (meant != fields_.end()) seen_.push_back(&*meant);
      return value.key_error(fmt::format("{}; {}", what, foreign->remedy));
    }
    places_.note_unknown("");
    if (is_middleware_type(key) &&
        std::ranges::find(fields_, "middleware", &Field::key) != fields_.end()) {
      return value.key_error(fmt::format(
          "{0}: it is a middleware; write `middleware: [{{{1}: {{...}}}}]` in a route or "
          "in `defaults`",
          what, key));
    }
    std::vector<std::string_view> near;
    for (const Field& each : fields_) near.push_back(each.key);
    const std::string_view meant = in_.context().problems.nearest_word(key, near);
    const auto field = std::ranges::find(fields_, meant, &Field::key);
    if (meant.empty()) {
      value.key_error(what + in_.context().problems.known_words(known()));
    } else if (!field->value.read) {
      value.key_error(fmt::format("{}; {}", what, not_supported(meant)));
    } else {
      value.key_error(fmt::format("{} (did you mean '{}'?)", what, meant));
      if (is_written(meant)) return;
      // The mistake is the key: its value is looked at for what it defines and what is inside.
      const std::size_t errors = in_.context().problems.error_count();
      take(*field, value);
      in_.context().problems.forget_errors(errors, value.path());
    }
  }

  // Those that may still be written, the required ones first.
  std::vector<std::string_view> known() const {
    std::vector<std::string_view> out;
    for (const Need need : {Need::required, Need::optional}) {
      for (const Field& each : fields_) {
        if (each.value.read && each.need == need && !is_written(each.key)) out.push_back(each.key);
      }
    }
    return out;
  }

  void ask_for_required() const {
    for (const Field& field : fields_) {
      if (field.need == Need::required && std::ranges::find(seen_, &field) == seen_.end()) {
        in_.error(fmt::format("'{}' is required: {}", field.key, field.doc));
      }
    }
  }

  const Reader& in_;
  const Fields& fields_;
  std::vector<std::string> written_;
  std::vector<const Field*> seen_;
  Places places_;
};

}  // namespace

Places read_fields(const Reader& in, const Fields& fields) { return Block(in, fields).read(); }

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
