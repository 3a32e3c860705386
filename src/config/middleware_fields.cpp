#include <algorithm>
#include <array>
#include <variant>

#include "config/blocks.hpp"
#include "config/checks.hpp"
#include "config/document.hpp"
#include "config/kinds.hpp"

namespace weir::config {
namespace {

// In the order of MiddlewareSpec's alternatives.
constexpr std::array<std::string_view, 5> type_names{"cors", "ip_filter", "body_limit", "headers",
                                                     "basic_auth"};
static_assert(type_names.size() == std::variant_size_v<MiddlewareSpec>);

constexpr std::array<std::string_view, 13> later_types{
    "jwt",         "api_key",  "forward_auth", "rate_limit", "concurrency_limit",
    "load_shed",   "compress", "cache",        "coalesce",   "offload",
    "idempotency", "waf",      "oidc"};

constexpr std::uint64_t largest_body = 1ULL << 50;

Wrong check_method_or_any(std::string& written) {
  return written == "*" ? std::nullopt : check_method(written);
}

Fields fields(Cors& cors, std::vector<Written>&) {
  return {{"origins", texts(cors.origins, check_origin),
           "scheme://host[:port] of pages that may read answers, or \"*\"", Need::required},
          {"methods", texts(cors.methods, check_method_or_any), "default: the route's"},
          {"headers", texts(cors.headers, check_field_name), "request fields a page may send"},
          {"expose", texts(cors.expose, check_field_name), "answer fields a page may read"},
          {"credentials", flag(cors.credentials), "cookies and Authorization are allowed"},
          {"max_age", duration(cors.max_age, Zero::allowed),
           "how long a preflight's answer holds; 0: not at all"}};
}

Fields fields(IpFilter& filter, std::vector<Written>&) {
  return {{"allow", cidrs(filter.allow), "addresses and networks; not empty: nothing else passes"},
          {"deny", cidrs(filter.deny), "addresses and networks; asked first"}};
}

Fields fields(BodyLimit& limit, std::vector<Written>&) {
  return {{"size", size(limit.size, Zero::allowed, largest_body),
           "replaces the listener's body_size; 0: unlimited", Need::required}};
}

Fields fields(Headers& headers, std::vector<Written>& templates) {
  return {{"request", block(fields(headers.request, templates)), "changes before the upstream"},
          {"response", block(fields(headers.response, templates)), "changes before the client"}};
}

void read_users(const Reader& in, BasicAuth& auth) {
  const auto file = in.text();
  if (!file) return;
  auth.users_file = *file;
  const auto content = read_named_file(in.context().folder, *file);
  if (!content) return in.error("cannot read " + in_quotes(*file) + ": " + content.error());
  auto users = parse_users(*content);
  if (users) {
    auth.users = std::move(*users);
  } else {
    for (const std::string& fault : users.error()) in.error(in_quotes(*file) + " " + fault);
  }
}

Fields fields(BasicAuth& auth, std::vector<Written>&) {
  Value users_file = text(auth.users_file, check_printable);
  users_file.read = [&auth](const Reader& in) { read_users(in, auth); };
  return {{"users_file", users_file, "htpasswd file with bcrypt or SHA-512 hashes", Need::required},
          {"realm", text(auth.realm, check_realm), "what a browser shows"},
          {"header", text(auth.header, check_changeable_field_name),
           "receives the user's name on its way to the upstream"}};
}

// What one key alone cannot know.
std::string_view fault(const Cors& cors) {
  if (cors.origins.empty()) return "`origins` must not be empty";
  const bool any = std::ranges::find(cors.origins, "*") != cors.origins.end();
  if (any && cors.credentials)
    return "\"*\" with credentials is refused by browsers; name the origins";
  return "";
}
std::string_view fault(const IpFilter& filter) {
  return filter.allow.empty() && filter.deny.empty() ? "`allow` or `deny` must not be empty" : "";
}
std::string_view fault(const BodyLimit&) { return ""; }
std::string_view fault(const Headers& headers) {
  return headers.request.empty() && headers.response.empty()
             ? "changes nothing; write `request` or `response`"
             : "";
}
std::string_view fault(const BasicAuth&) { return ""; }

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
  Tree out = Tree::map({{"type", "object"},
                        {"additionalProperties", false},
                        {"minProperties", std::int64_t{1}},
                        {"maxProperties", std::int64_t{1}}});
  out.set("properties", std::move(properties));
  return out;
}

}  // namespace weir::config
