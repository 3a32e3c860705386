#include "config/blocks.hpp"
#include "config/differences.hpp"
#include "config/draft.hpp"
#include "weir/config/loader.hpp"

namespace weir::config {
namespace {

RouteDraft draft_of(const Route& route, const Config& config) {
  RouteDraft out;
  out.route = route;
  for (const std::string& name : route.middleware) {
    MiddlewareUse& use = out.middleware.emplace_back();
    use.name.text = name;
    // Only inline ones have a slash in their name, and only the route can spell them.
    const bool is_inline = name.contains('/');
    const Middleware* middleware = is_inline ? config.find_middleware(name) : nullptr;
    if (middleware != nullptr) use.spec = middleware->spec;
  }
  if (const auto* action = std::get_if<UpstreamAction>(&route.action)) {
    if (action->is_split || action->split.size() != 1) {
      out.split = action->split;
      out.sticky = action->sticky;
      out.by_header = action->by_header;
    } else {
      out.upstream = action->split.front().upstream;
    }
  } else if (const auto* redirect = std::get_if<Redirect>(&route.action)) {
    out.redirect = *redirect;
  } else {
    out.respond = std::get<Respond>(route.action);
  }
  return out;
}

}  // namespace

void for_each_difference(
    const Tree& one, const Tree& other, const std::string& path,
    const std::function<void(const std::string& path, const Tree&, const Tree&)>& tell) {
  const Tree none;
  const auto* items = one.items();
  const auto* others = other.items();
  if (items != nullptr && others != nullptr && items->size() == others->size()) {
    for (std::size_t i = 0; i < items->size(); ++i) {
      for_each_difference((*items)[i], (*others)[i], item_path(path, i), tell);
    }
  } else if (!one.keys().empty() && !other.keys().empty()) {
    const auto value = [&none](const Tree& tree, std::string_view key) -> const Tree& {
      const Tree* found = tree.find(key);
      return found == nullptr ? none : *found;
    };
    for (const std::string_view key : one.keys()) {
      for_each_difference(value(one, key), value(other, key), key_path(path, key), tell);
    }
    for (const std::string_view key : other.keys()) {
      if (one.find(key) == nullptr) tell(key_path(path, key), none, *other.find(key));
    }
  } else if (one.to_json() != other.to_json()) {
    tell(path, one, other);
  }
}

Tree tree_of(const Config& config) {
  Draft draft = draft_of(config);
  return print_fields(root_fields(draft));
}

Draft draft_of(const Config& config) {
  Draft out;
  out.config = config;
  for (const Listener& each : config.listeners) out.listeners.push_back({each, "", {}});
  for (const Middleware& each : config.middleware) {
    if (!each.name.contains('/')) out.middleware.push_back({.middleware = each, .templates = {}});
  }
  for (const Route& each : config.routes) out.routes.push_back(draft_of(each, config));
  for (const Certificate& each : config.certificates) out.certificates.push_back({each, "", {}});
  return out;
}

std::vector<std::string> differing_keys(const Listener& one, const Listener& other) {
  Listener a = one;
  Listener b = other;
  std::vector<std::string> out;
  for_each_difference(
      print_fields(fields(a)), print_fields(fields(b)), "",
      [&](const std::string& path, const Tree&, const Tree&) { out.push_back(path); });
  if (!a.protocols && !b.protocols) std::erase(out, "protocols");
  return out;
}

std::string to_yaml(const Config& config) { return tree_of(config).to_yaml(); }
std::string to_json(const Config& config) { return tree_of(config).to_json(); }

std::string json_schema() {
  Draft sample;
  const Fields fields = root_fields(sample);
  Tree definitions = Tree::map();
  definitions.set("middleware", middleware_schema());
  definitions.set("variable", variable_schema());
  Tree out = Tree::map({{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                        {"title", "Weir configuration"}});
  const Tree body = schema_fields(fields);
  for (const std::string_view key : body.keys()) out.set(key, *body.find(key));
  const Tree rule = any_of({required_schema({"routes"}), required_schema({"providers"})});
  out.set("anyOf", *rule.find("anyOf"));
  out.set("$defs", std::move(definitions));
  return out.to_json();
}

}  // namespace weir::config
