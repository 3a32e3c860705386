#include <algorithm>
#include <array>
#include <utility>

#include "config/blocks.hpp"
#include "config/kinds.hpp"

namespace weir::config {
namespace {

// A failure behind the head is none of these: the client has the beginning of an answer.
constexpr std::array failures_of_upstreams{Reason::no_healthy_endpoint,
                                           Reason::circuit_open,
                                           Reason::connect_failed,
                                           Reason::connect_timeout,
                                           Reason::request_timeout,
                                           Reason::pool_full,
                                           Reason::shed,
                                           Reason::try_timeout,
                                           Reason::upstream_reset,
                                           Reason::upstream_bad_response,
                                           Reason::upstream_headers_too_large,
                                           Reason::upstream_tls_failed};

Value fallback_conditions_value(std::vector<Reason>& conditions) {
  std::vector<std::string_view> words;
  for (const Reason reason : failures_of_upstreams) words.push_back(name(reason));
  return list_of_words(
      [&conditions](const std::vector<std::size_t>& items) {
        conditions.clear();
        for (const std::size_t item : items) conditions.push_back(failures_of_upstreams[item]);
      },
      [&conditions] {
        std::vector<std::size_t> out;
        for (const Reason reason : conditions) {
          const auto* const found = std::ranges::find(failures_of_upstreams, reason);
          out.push_back(static_cast<std::size_t>(found - failures_of_upstreams.begin()));
        }
        return out;
      },
      std::move(words), {});
}

Fields fallback_fields(Fallback& fallback, RouteDraft& draft) {
  return {
      {"conditions", fallback_conditions_value(fallback.conditions),
       "the reasons that it answers for"},
      {"upstream",
       printed_if([&fallback] { return !fallback.upstream.empty(); },
                  reference(fallback.upstream, draft.upstreams)),
       "who is asked instead"},
      {"respond",
       optional_block(fallback.respond,
                      [&draft](Respond& each) { return fields(each, draft.templates); }),
       "answers with a fixed answer"},
  };
}

}  // namespace

std::span<const Reason> fallback_reasons() noexcept { return failures_of_upstreams; }

Value fallback_value(RouteDraft& draft) {
  std::optional<Fallback>& target = draft.route.fallback;
  const auto table = [&draft](Fallback& each) { return fallback_fields(each, draft); };
  Value out = optional_block(target, table);
  out.read = [&target, table](const Reader& in) {
    const Places places = read_fields(in, table(target.emplace(Fallback{})));
    if (!in.is_map()) return;
    const bool asks = places.has("upstream");
    if (asks && places.has("respond")) {
      in.error("has both `upstream` and `respond`; write one of them");
    } else if (!asks && !places.has("respond") && !places.has_unknown()) {
      in.error("needs `upstream` or `respond`: who answers instead");
    }
  };
  out.schema = [schema = std::move(out.schema)] {
    return with_rules(schema(), {exactly_one({"upstream", "respond"})});
  };
  return out;
}

}  // namespace weir::config
