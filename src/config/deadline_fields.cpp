// server.deadline and routes[].hedge: what is done about answers that take long.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "config/blocks.hpp"
#include "config/checks.hpp"
#include "config/kinds.hpp"

namespace weir::config {
namespace {

constexpr std::uint64_t most_hedges = 3;

struct AcceptedField {
  std::string_view word;
  bool Deadlines::* flag;
};
constexpr std::array<AcceptedField, 2> accepted_fields{
    {{"grpc-timeout", &Deadlines::grpc_timeout},
     {"x-request-timeout", &Deadlines::request_timeout}}};

Wrong check_accepted_field(std::string& written) {
  for (const AcceptedField& each : accepted_fields) {
    if (written == each.word) return std::nullopt;
  }
  return in_quotes(written) + " is not one of grpc-timeout, x-request-timeout";
}

// As a list of words; an empty one is allowed.
Value accepted_value(Deadlines& target) {
  return {.read =
              [&target](const Reader& in) {
                std::vector<std::string> words;
                texts(words, check_accepted_field).read(in);
                for (const auto& [word, flag] : accepted_fields) {
                  target.*flag = std::ranges::find(words, word) != words.end();
                }
              },
          .print =
              [&target] {
                Tree out = Tree::list();
                for (const auto& [word, flag] : accepted_fields) {
                  if (target.*flag) out.push(word);
                }
                return out;
              },
          .schema =
              [] {
                Tree words = Tree::list();
                for (const AcceptedField& each : accepted_fields) words.push(each.word);
                return one_or_more(or_variable(Tree::map({{"enum", std::move(words)}})));
              }};
}

struct HedgeWord {
  std::string_view word;
  HedgeAfter after;
};
constexpr std::array<HedgeWord, 4> hedge_words{{{"p50", HedgeAfter::p50},
                                                {"p90", HedgeAfter::p90},
                                                {"p95", HedgeAfter::p95},
                                                {"p99", HedgeAfter::p99}}};

Value hedge_after_value(Hedge& target) {
  const Value time = duration(target.time);
  return {.read =
              [&target, read = time.read](const Reader& in) {
                const auto written = in.is_text() ? in.text() : std::nullopt;
                for (const auto& [word, after] : hedge_words) {
                  if (written != word) continue;
                  target.after = after;
                  return;
                }
                if (written && written->starts_with('p')) {
                  return in.error(in_quotes(*written) +
                                  " is not one of p50, p90, p95, p99, or a duration like 50ms");
                }
                target.after = HedgeAfter::time;
                read(in);
              },
          .print =
              [&target, print = time.print] {
                for (const auto& [word, after] : hedge_words) {
                  if (target.after == after) return Tree(word);
                }
                return print();
              },
          .schema =
              [schema = time.schema] {
                Tree words = Tree::list();
                for (const HedgeWord& each : hedge_words) words.push(each.word);
                return any_of({schema(), Tree::map({{"enum", std::move(words)}})});
              }};
}

}  // namespace

Fields fields(Deadlines& deadlines) {
  return {{"accept", accepted_value(deadlines),
           "which fields of a request shorten its time: grpc-timeout of gRPC calls, and "
           "x-request-timeout of trusted peers"},
          {"send",
           choice<TellDeadline>(deadlines.send, {{"off", TellDeadline::off},
                                                 {"on", TellDeadline::on},
                                                 {"always", TellDeadline::always}}),
           "tell upstreams in the same fields what is left: off (what came goes on as it is), on "
           "(where one came), always (where only the route has limits, too)"},
          {"refuse_hopeless", flag(deadlines.refuse_hopeless),
           "504 at once where less time is left than half of the upstream's answers' heads took in "
           "the last 30 s; needs 100 of them"}};
}

Fields fields(Hedge& hedge) {
  return {
      {"after", hedge_after_value(hedge),
       "a duration, or p50, p90, p95 or p99 of the upstream's heads in the last 30 s, off until "
       "there are 100"},
      {"most", count(hedge.most, 1, most_hedges), "how many hedges a request may get"}};
}

void check_hedge(const RouteDraft& draft, Problems& problems) {
  const Route& route = draft.route;
  if (!route.hedge) return;
  const Place& place = draft.places.of("hedge", route.place);
  if (!std::holds_alternative<UpstreamAction>(route.action)) {
    problems.error(place, route.at + ".hedge",
                   "needs `upstream` or `split`: nothing else is forwarded");
    return;
  }
  if (route.hedge->after == HedgeAfter::time && route.timeout != Duration::zero() &&
      route.hedge->time >= route.timeout) {
    problems.warning(WarningName::no_effect, place, route.at + ".hedge.after",
                     "no hedge ever starts: `timeout` ends the request before");
  }
}

}  // namespace weir::config
