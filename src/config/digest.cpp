#include "weir/config/digest.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "config/blocks.hpp"
#include "config/draft.hpp"
#include "weir/base/sip_hash.hpp"

namespace weir::config {
namespace {

using Named = ConfigDigest::Named;

// One key for the process: digests are compared within it, and tell nothing of passwords outside.
std::uint64_t hash_of(std::string_view text) {
  static const SipKey key = random_sip_key();
  return sip_hash(key, text);
}

std::uint64_t hash_of_tree(const Tree& tree) { return hash_of(tree.to_json()); }

// What a reload has read for it and nothing shows.
std::string secrets_of(const MiddlewareSpec& spec) {
  std::string out;
  if (const auto* basic = std::get_if<BasicAuth>(&spec)) {
    for (const auto& [name, hash] : basic->users) out += name + '\0' + hash + '\0';
  } else if (const auto* keyed = std::get_if<ApiKey>(&spec)) {
    for (const KnownKey& each : keyed->keys) {
      out += each.name + '\0' + each.key + '\0' + each.sha256 + '\0';
    }
  }
  return out;
}

Named listeners_of(Draft& draft) {
  Named out;
  for (ListenerDraft& each : draft.listeners) {
    out.emplace_back(each.listener.name, hash_of_tree(print_fields(fields(each.listener))));
  }
  return out;
}

Named middleware_of(const Config& config) {
  Named out;
  for (const Middleware& each : config.middleware) {
    if (each.name.contains('/')) continue;  // an inline one
    out.emplace_back(each.name,
                     hash_of(print_middleware(each.spec).to_json() + secrets_of(each.spec)));
  }
  return out;
}

Named routes_of(Draft& draft, const Config& config) {
  std::unordered_map<std::string_view, std::string> secrets;  // of inline middleware, by name
  for (const Middleware& each : config.middleware) {
    if (each.name.contains('/')) secrets.emplace(each.name, secrets_of(each.spec));
  }
  Named out;
  for (RouteDraft& each : draft.routes) {
    std::string text = print_fields(route_fields(each)).to_json();
    for (const std::string& name : each.route.middleware) {
      if (const auto found = secrets.find(name); found != secrets.end()) text += found->second;
    }
    out.emplace_back(each.route.name, hash_of(text));
  }
  return out;
}

Named upstreams_of(Draft& draft) {
  Named out;
  for (Upstream& each : draft.config.upstreams) {
    out.emplace_back(each.name, hash_of_tree(print_fields(fields(each))));
  }
  return out;
}

Named sections_of(Draft& draft) {
  constexpr std::array<std::string_view, 4> by_name{"listeners", "middleware", "routes",
                                                    "upstreams"};
  Named out;
  for (const Field& field : root_fields(draft)) {
    if (!field.value.print || std::ranges::find(by_name, field.key) != by_name.end()) continue;
    std::string text = field.value.print().to_json();
    if (field.key == "admin") text += draft.config.admin.token;
    if (field.key == "tracing" && draft.config.tracing) {
      for (const auto& [name, value] : draft.config.tracing->otlp.headers) text += value + '\0';
    }
    out.emplace_back(field.key, hash_of(text));
  }
  return out;
}

Named sorted(Named named) {
  std::ranges::sort(named);
  return named;
}

NamedChanges compare_named(const Named& one, const Named& other) {
  const Named before = sorted(one);
  const Named after = sorted(other);
  NamedChanges out;
  auto was = before.begin();
  auto is = after.begin();
  while (was != before.end() || is != after.end()) {
    if (is == after.end() || (was != before.end() && was->first < is->first)) {
      out.removed.push_back((was++)->first);
    } else if (was == before.end() || is->first < was->first) {
      out.added.push_back((is++)->first);
    } else {
      if (was->second != is->second) out.changed.push_back(is->first);
      ++was;
      ++is;
    }
  }
  return out;
}

// The names that are not among `without`, which is sorted.
std::vector<std::string_view> names_of(const Named& named,
                                       const std::vector<std::string>& without) {
  std::vector<std::string_view> out;
  for (const auto& [name, hash] : named) {
    if (!std::ranges::binary_search(without, name)) out.push_back(name);
  }
  return out;
}

}  // namespace

ConfigDigest digest_of(const Config& config) {
  Draft draft = draft_of(config);
  return {.listeners = listeners_of(draft),
          .middleware = middleware_of(config),
          .routes = routes_of(draft, config),
          .upstreams = upstreams_of(draft),
          .sections = sections_of(draft)};
}

ConfigChanges compare(const ConfigDigest& before, const ConfigDigest& after) {
  ConfigChanges out;
  out.listeners = compare_named(before.listeners, after.listeners);
  out.middleware = compare_named(before.middleware, after.middleware);
  out.routes = compare_named(before.routes, after.routes);
  out.upstreams = compare_named(before.upstreams, after.upstreams);
  out.sections = compare_named(before.sections, after.sections).changed;
  out.route_order =
      names_of(before.routes, out.routes.removed) != names_of(after.routes, out.routes.added);
  return out;
}

}  // namespace weir::config
