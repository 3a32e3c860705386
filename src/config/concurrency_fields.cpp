// upstreams.NAME.concurrency, and pool.fair: by what callers that wait are told apart.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "config/blocks.hpp"
#include "config/key_fields.hpp"
#include "config/kinds.hpp"

namespace weir::config {
namespace {

constexpr std::array<std::pair<std::string_view, ConcurrencyPolicy>, 4> concurrency_policies{{
    {"off", ConcurrencyPolicy::off},
    {"fixed", ConcurrencyPolicy::fixed},
    {"gradient", ConcurrencyPolicy::gradient},
    {"heuristic", ConcurrencyPolicy::heuristic},
}};

// A key that one policy has, and needs unless it has a default.
struct PolicyKey {
  std::string_view key;
  ConcurrencyPolicy policy;
  bool needed;
};
constexpr std::array<PolicyKey, 5> policy_keys{{{"limit", ConcurrencyPolicy::fixed, true},
                                                {"min", ConcurrencyPolicy::gradient, false},
                                                {"max", ConcurrencyPolicy::gradient, false},
                                                {"base", ConcurrencyPolicy::heuristic, true},
                                                {"floor", ConcurrencyPolicy::heuristic, true}}};

// One that belongs to a policy is printed with it alone.
Value count_with(std::uint64_t& target, const Concurrency& of, ConcurrencyPolicy policy) {
  return printed_if([&of, policy] { return of.policy == policy; }, count(target, 1, largest_count));
}

Fields concurrency_fields(Concurrency& concurrency) {
  using enum ConcurrencyPolicy;
  return {
      {"policy",
       choice<ConcurrencyPolicy>(concurrency.policy,
                                 {concurrency_policies.begin() + 1, concurrency_policies.end()}),
       "fixed: `limit`; gradient: what the endpoint serves without a queue of its own; heuristic: "
       "a part of `base` that falls as its answers take longer"},
      {"limit", count_with(concurrency.limit, concurrency, fixed),
       "of fixed: requests to one endpoint at a time"},
      {"min", count_with(concurrency.min, concurrency, gradient),
       "of gradient: the lowest limit, with which it begins"},
      {"max", count_with(concurrency.max, concurrency, gradient), "of gradient: the highest limit"},
      {"base", count_with(concurrency.base, concurrency, heuristic),
       "of heuristic: what an endpoint should be able to serve at a time"},
      {"floor", count_with(concurrency.floor, concurrency, heuristic),
       "of heuristic: with which it begins, and grows from"},
  };
}

void check_concurrency(const Concurrency& concurrency, const Places& places, const Reader& in) {
  Problems& problems = in.context().problems;
  for (const PolicyKey& each : policy_keys) {
    if (each.policy != concurrency.policy && places.has(each.key)) {
      problems.error(places.of(each.key, in.place()), key_path(in.path(), each.key),
                     fmt::format("is for `policy: {}` alone", name(each.policy)));
    }
    if (each.policy == concurrency.policy && each.needed && !places.has(each.key)) {
      problems.error(places.of("policy", in.place()), key_path(in.path(), "policy"),
                     fmt::format("{} needs `{}`", in_quotes(name(each.policy)), each.key));
    }
  }
  const auto above = [&](std::string_view low, std::uint64_t least, std::string_view high,
                         std::uint64_t most) {
    if (least <= most) return;
    problems.error(places.of(low, places.of(high, in.place())), key_path(in.path(), low),
                   fmt::format("must not be above `{}`, which is {}", high, most));
  };
  if (concurrency.policy == ConcurrencyPolicy::gradient) {
    above("min", concurrency.min, "max", concurrency.max);
  } else if (concurrency.policy == ConcurrencyPolicy::heuristic && places.has("base")) {
    above("floor", concurrency.floor, "base", concurrency.base);
  }
}

}  // namespace

std::string_view name(ConcurrencyPolicy policy) noexcept {
  return std::ranges::find(concurrency_policies, policy,
                           &std::pair<std::string_view, ConcurrencyPolicy>::second)
      ->first;
}

Value concurrency_value(Concurrency& concurrency) {
  Value out;
  out.read = [&concurrency](const Reader& in) {
    concurrency = {};
    if (in.is_null()) return;
    if (in.is_text()) {
      const auto written = in.text();
      if (!written || *written == "off" || *written == "false") return;
      return in.error(in_quotes(*written) +
                      " is neither off nor a mapping like {policy: gradient, min: 10, max: 1000}");
    }
    const Places places = read_fields(in, concurrency_fields(concurrency));
    const bool is_unread = concurrency.policy == ConcurrencyPolicy::off;
    // A block without a policy is there to be on.
    if (is_unread) concurrency.policy = ConcurrencyPolicy::gradient;
    if (!is_unread || !places.has("policy")) check_concurrency(concurrency, places, in);
  };
  out.print = [&concurrency] {
    if (concurrency.policy == ConcurrencyPolicy::off) return Tree(false);
    return print_fields(concurrency_fields(concurrency));
  };
  out.schema = [] {
    Concurrency sample{.policy = ConcurrencyPolicy::gradient};
    Tree words = Tree::list();
    words.push("off");
    words.push(false);
    return any_of({or_variable(Tree::map({{"enum", std::move(words)}})),
                   Tree::map({{"type", "null"}}), schema_fields(concurrency_fields(sample))});
  };
  return out;
}

Value fair_value(std::optional<Key>& fair) {
  Value out;
  out.read = [&fair](const Reader& in) {
    fair.reset();
    if (in.is_null()) return;
    Key written;
    written.parts.clear();
    key(written).read(in);
    if (!written.parts.empty()) fair = std::move(written);
  };
  out.print = [&fair] {
    if (!fair) return Tree(nullptr);
    Key copy = *fair;
    return key(copy).print();
  };
  out.schema = [] {
    Key sample;
    return any_of({Tree::map({{"type", "null"}}), key(sample).schema()});
  };
  return out;
}

}  // namespace weir::config
