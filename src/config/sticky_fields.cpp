#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "config/blocks.hpp"
#include "config/checks.hpp"
#include "config/draft.hpp"
#include "config/key_fields.hpp"
#include "config/kinds.hpp"

namespace weir::config {
namespace {

// A mapping of the field's values to names in the split, which go to `upstreams`.
Value header_values(std::vector<std::pair<std::string, std::string>>& target,
                    std::vector<Written>& upstreams) {
  return {.read =
              [&target, &upstreams](const Reader& in) {
                target.clear();
                in.each_entry([&](const std::string& written, const Reader& value) {
                  std::string key = written;
                  if (auto wrong = check_field_value(key))
                    return value.key_error(std::move(*wrong));
                  if (key.empty()) return value.key_error("must not be empty");
                  std::string upstream;
                  reference(upstream, upstreams).read(value);
                  target.emplace_back(std::move(key), std::move(upstream));
                });
                if (in.is_map() && !in.has_items()) in.error("must not be empty");
              },
          .print =
              [&target] {
                Tree out = Tree::map();
                for (const auto& [value, upstream] : target) out.set(value, upstream);
                return out;
              },
          .schema =
              [] {
                Tree out = Tree::map({{"type", "object"}, {"minProperties", std::int64_t{1}}});
                out.set("additionalProperties", text_schema());
                return out;
              }};
}

Fields sticky_fields(Sticky& sticky) {
  return {{"key", key(sticky.key), "what identifies a caller; default: {cookie: weir_split}"}};
}

}  // namespace

Value sticky_value(std::optional<Sticky>& target) {
  Value out = optional_block(target, sticky_fields);
  out.read = [&target](const Reader& in) {
    target = Sticky{.key = {{KeyPart{KeySource::cookie, "weir_split"}}}};
    read_fields(in, sticky_fields(*target));
  };
  return out;
}

Fields fields(SplitByHeader& by_header, std::vector<Written>& upstreams) {
  return {{"header", text(by_header.header, check_field_name), "a request header", Need::required},
          {"values", header_values(by_header.values, upstreams),
           "its values, and the upstream of the split that each names", Need::required}};
}

void check_split_choice(const RouteDraft& draft, bool after_jwt, Problems& problems) {
  const auto place_of = [&](std::string_view key) {
    return draft.places.of(key, draft.route.place);
  };
  if (draft.sticky) {
    std::string fault = key_fault(draft.sticky->key, draft.route.match.path_params, after_jwt);
    if (!fault.empty()) {
      problems.error(place_of("sticky"), draft.route.at + ".sticky.key", std::move(fault));
    }
  }
  if (!draft.split) {
    constexpr std::string_view needs = "needs `split` on the same route";
    if (draft.sticky) {
      problems.error(place_of("sticky"), draft.route.at + ".sticky", std::string(needs));
    }
    if (draft.by_header) {
      problems.error(place_of("override"), draft.route.at + ".override", std::string(needs));
    }
    return;
  }
  std::vector<std::string_view> names;
  for (const SplitShare& each : *draft.split) names.push_back(each.upstream);
  for (const Written& each : draft.header_upstreams) {
    if (std::ranges::find(names, each.text) != names.end()) continue;
    problems.error(each.place, each.path,
                   fmt::format("unknown upstream of this split: {}{}", in_quotes(each.text),
                               problems.did_you_mean(each.text, names)));
  }
}

}  // namespace weir::config
