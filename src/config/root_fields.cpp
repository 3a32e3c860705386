#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/blocks.hpp"
#include "config/checks.hpp"
#include "config/kinds.hpp"
#include "config/provider_fields.hpp"
#include "config/tracing_fields.hpp"
#include "weir/config/documents.hpp"

namespace weir::config {
namespace {

// A section that stands in one file only, however many there are.
Value once(Draft& draft, std::string_view key, Value value) {
  value.read = [&draft, key, read = std::move(value.read)](const Reader& in) {
    const auto [first, fresh] = draft.sections.try_emplace(std::string(key), in.key_place());
    if (fresh) return read(in);
    if (first->second.file != in.place().file) {
      in.key_error("is already in " + first->second.file + "; it may be in one file only");
    }
  };
  return value;
}

// A block that notes where its values are written.
Value placed(Draft& draft, std::string_view key, Fields fields) {
  Value out = block(fields);
  out.read = [&draft, key, fields = std::move(fields)](const Reader& in) {
    const Places places = read_fields(in, fields);
    for (const Field& field : fields) {
      draft.places.insert_or_assign(key_path(std::string(key), field.key),
                                    places.of(field.key, in.place()));
    }
  };
  return out;
}

Value placed_admin(Draft& draft) {
  Value out = admin_value(draft.config.admin, draft.admin_bind);
  out.read = [&draft, read = std::move(out.read)](const Reader& in) {
    draft.admin_bind = in.place();  // `admin: off`
    read(in);
    draft.places.insert_or_assign("admin.bind", draft.admin_bind);
  };
  return out;
}

// Notes that a list is there, unless it is an empty one, which is as good as none.
void note_list(Draft& draft, std::string_view key, const Reader& in) {
  if (!in.is_list() || in.has_items()) draft.sections.try_emplace(std::string(key), in.place());
}

// Notes a section that is no mapping, or no list.
void note_unread(Draft& draft, std::string_view key, bool is_read) {
  if (!is_read) draft.unread.insert(std::string(key));
}

Value version_value() {
  return {.read =
              [](const Reader& in) {
                const auto written = in.text();
                if (written && *written != "1") in.error("there is only version 1; write 1");
              },
          .print = [] { return Tree(std::int64_t{1}); },
          .schema = [] { return Tree::map({{"const", std::int64_t{1}}}); }};
}

Value trusted_proxies_value(std::vector<Cidr>& target) {
  Value out = cidrs(target);
  out.read = [&target](const Reader& in) {
    std::vector<Cidr> more;
    cidrs(more).read(in);
    target.insert(target.end(), more.begin(), more.end());
  };
  return out;
}

Tree list_schema(Tree items) {
  return Tree::map({{"type", "array"}, {"minItems", std::int64_t{1}}, {"items", std::move(items)}});
}

Tree map_schema(Tree values) {
  return Tree::map({{"type", "object"},
                    {"propertyNames", Tree::map({{"pattern", "^[A-Za-z0-9_.-]{1,64}$"}})},
                    {"additionalProperties", std::move(values)}});
}

Value listeners_value(Draft& draft) {
  return {.read =
              [&draft](const Reader& in) {
                note_list(draft, "listeners", in);
                note_unread(draft, "listeners", in.is_list());
                in.each_item([&draft](const Reader& item) {
                  ListenerDraft& each = draft.listeners.emplace_back();
                  each.at = item.path();
                  each.listener.place = item.place();
                  item.context().key_places = &each.key_places;
                  each.places = read_fields(item, fields(each.listener));
                  item.context().key_places = nullptr;
                });
              },
          .print =
              [&draft] {
                Tree out = Tree::list();
                for (ListenerDraft& each : draft.listeners) {
                  out.push(print_fields(fields(each.listener)));
                }
                return out;
              },
          .schema =
              [] {
                Listener sample;
                Tree off = Tree::list();
                off.push("off");
                off.push(false);
                off.push(nullptr);
                Tree properties = Tree::map();
                properties.set("redirect_https", Tree::map({{"enum", std::move(off)}}));
                return list_schema(
                    with_rules(schema_fields(fields(sample)),
                               {any_of({not_schema(required_schema({"tls", "redirect_https"})),
                                        Tree::map({{"properties", std::move(properties)}})})}));
              }};
}

// Whether the key can name an entry; reports otherwise.
bool check_key(const std::string& key, const Reader& value) {
  std::string name = key;
  const Wrong wrong = check_name(name);
  if (wrong) value.key_error(*wrong);
  return !wrong;
}

Value middleware_value(Draft& draft) {
  std::vector<NamedMiddleware>& target = draft.middleware;
  return {.read =
              [&draft, &target](const Reader& in) {
                note_unread(draft, "middleware", in.is_map());
                const NamesByKind* only = in.context().only;
                in.each_entry([&](const std::string& key, const Reader& value) {
                  if (only != nullptr && !only->middleware.contains(key)) return;
                  if (!check_key(key, value)) return void(draft.bad_names.insert(key));
                  NamedMiddleware& named = target.emplace_back();
                  named.middleware.name = key;
                  named.middleware.place = value.key_place();
                  if (auto spec = read_middleware(value, named.templates)) {
                    named.middleware.spec = std::move(*spec);
                  } else {
                    named.is_unread = true;
                  }
                });
              },
          .print =
              [&target] {
                Tree out = Tree::map();
                for (const NamedMiddleware& each : target) {
                  out.set(each.middleware.name, print_middleware(each.middleware.spec));
                }
                return out;
              },
          .schema = [] { return map_schema(Tree::map({{"$ref", "#/$defs/middleware"}})); }};
}

// Of an upstream: one of the keys that say who serves it.
void ask_for_endpoints(const Reader& in, const Places& places) {
  const bool is_meant = std::ranges::find(places.meant(), "endpoints") != places.meant().end();
  if (!in.is_map() || is_meant || places.has("endpoints") || places.has("endpoints_from")) return;
  in.error(fmt::format("'endpoints' is required (or `endpoints_from`): {}", endpoints_doc));
}

Value upstreams_value(Draft& draft) {
  std::vector<Upstream>& target = draft.config.upstreams;
  return {.read =
              [&draft, &target](const Reader& in) {
                note_unread(draft, "upstreams", in.is_map());
                const NamesByKind* only = in.context().only;
                in.each_entry([&](const std::string& key, const Reader& value) {
                  if (only != nullptr && !only->upstreams.contains(key)) return;
                  if (!check_key(key, value)) return void(draft.bad_names.insert(key));
                  Upstream& upstream = target.emplace_back();
                  upstream.name = key;
                  upstream.place = value.key_place();
                  ask_for_endpoints(value, read_fields(value, fields(upstream)));
                });
              },
          .print =
              [&target] {
                Tree out = Tree::map();
                for (Upstream& each : target) out.set(each.name, print_fields(fields(each)));
                return out;
              },
          .schema =
              [] {
                Upstream sample;
                return map_schema(with_rules(schema_fields(fields(sample)),
                                             {at_least_one({"endpoints", "endpoints_from"})}));
              }};
}

Value routes_value(Draft& draft) {
  return {
      .read =
          [&draft](const Reader& in) {
            if (in.context().only != nullptr) return;
            note_list(draft, "routes", in);
            in.each_item([&draft](const Reader& item) {
              if (item.is_map()) return draft.written_routes.push_back(item);
              item.each_entry([](const std::string&, const Reader&) {});  // says that it is none
            });
          },
      .print =
          [&draft] {
            Tree out = Tree::list();
            for (RouteDraft& each : draft.routes) out.push(print_fields(route_fields(each)));
            return out;
          },
      .schema =
          [] {
            RouteDraft sample;
            return list_schema(with_rules(
                schema_fields(route_fields(sample)),
                {exactly_one({"upstream", "split", "redirect", "respond"}),
                 needs("sticky", {"split"}), needs("override", {"split"}),
                 needs("mirror", {"upstream", "split"}), needs("fallback", {"upstream", "split"}),
                 needs("hedge", {"upstream", "split"})}));
          }};
}

// Not read where only some definitions of a document count.
Value whole_documents(Value value) {
  value.read = [read = std::move(value.read)](const Reader& in) {
    if (in.context().only == nullptr) read(in);
  };
  return value;
}

}  // namespace

Fields document_fields(Draft& draft) {
  Fields out = root_fields(draft);
  constexpr std::array<std::string_view, 5> allowed{"version", "routes", "upstreams", "middleware",
                                                    "certificates"};
  for (Field& field : out) {
    field.need = Need::optional;
    if (!field.value.read || std::ranges::find(allowed, field.key) != allowed.end()) continue;
    field.value.read = [](const Reader& in) {
      in.key_error(
          "a document from elsewhere has only routes, upstreams, middleware and certificates; this "
          "stands in the gateway's own file");
    };
  }
  return out;
}

Fields root_fields(Draft& draft) {
  Config& config = draft.config;
  return {
      {"version", version_value(), "of the language: 1, the only one so far"},
      {"server", once(draft, "server", placed(draft, "server", fields(config.server))),
       "the process"},
      {"log", once(draft, "log", block(fields(config.log))), "diagnostics on stderr"},
      {"access_log",
       once(draft, "access_log", placed(draft, "access_log", fields(config.access_log))),
       "a line for each request"},
      {"metrics", once(draft, "metrics", block(fields(config.metrics))), "what /metrics shows"},
      {"admin", once(draft, "admin", placed_admin(draft)),
       "the address for metrics, health checks and commands"},
      {"trusted_proxies", trusted_proxies_value(config.trusted_proxies),
       "networks whose X-Forwarded-* and PROXY headers are believed; unix: peers are"},
      {"listeners", listeners_value(draft), "where clients connect", Need::required},
      {"middleware", middleware_value(draft), "by name, to be used by several routes"},
      {"defaults",
       printed_if([] { return false; },
                  once(draft, "defaults", block(defaults_fields(draft.defaults)))),
       "what every route starts from"},
      {"routes", routes_value(draft),
       "what happens to a request; with `providers` they may all be theirs"},
      {"upstreams", upstreams_value(draft), "where requests go, by name"},
      {"certificates", whole_documents(certificates_value(draft.certificates)),
       "of listeners with tls, beside their own"},
      {"providers",
       printed_if([&config] { return config.providers.any(); },
                  once(draft, "providers", block(fields(config.providers)))),
       "where more routes, upstreams, middleware and certificates come from"},
      {"tracing", once(draft, "tracing", tracing_value(config.tracing)),
       "spans of requests, for a collector"},
      {"tests", tests_value(draft), "requests, and what is to become of them: weir test"},
  };
}

}  // namespace weir::config
