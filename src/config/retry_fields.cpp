#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "config/blocks.hpp"
#include "config/checks.hpp"
#include "config/kinds.hpp"
#include "weir/base/grpc_status.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

constexpr std::uint64_t most_retries = 10;
constexpr std::uint64_t largest_kept_body = 64 * MiB;

struct RetryConditionWord {
  std::string_view word;
  bool RetryConditions::* flag;
};
constexpr std::array<RetryConditionWord, 3> retry_condition_words{
    {{"connect", &RetryConditions::connect},
     {"reset", &RetryConditions::reset},
     {"timeout", &RetryConditions::timeout}}};

// The codes of gRPC that speak of the server's state and not of the call.
struct RetriedCode {
  std::string_view word;
  std::uint8_t code;
};
constexpr std::array<RetriedCode, 5> retried_codes{{{"grpc_unavailable", 14},
                                                    {"grpc_resource_exhausted", 8},
                                                    {"grpc_deadline_exceeded", 4},
                                                    {"grpc_cancelled", 1},
                                                    {"grpc_internal", 13}}};

std::vector<std::string_view> all_condition_words() {
  std::vector<std::string_view> out;
  for (const RetryConditionWord& each : retry_condition_words) out.push_back(each.word);
  for (const RetriedCode& each : retried_codes) out.push_back(each.word);
  return out;
}

// True when `value` was not there.
template <class T>
bool add_once(std::vector<T>& list, T value) {
  if (std::ranges::find(list, value) != list.end()) return false;
  list.push_back(value);
  return true;
}

void read_retry_condition(const Reader& item, RetryConditions& target) {
  const auto written = item.text();
  if (!written) return;
  const auto twice = [&] { item.error(in_quotes(*written) + " is given twice"); };
  for (const auto& [word, flag] : retry_condition_words) {
    if (*written != word) continue;
    return std::exchange(target.*flag, true) ? twice() : void();
  }
  for (const auto& [word, code] : retried_codes) {
    if (*written != word) continue;
    return add_once(target.grpc, code) ? void() : twice();
  }
  const auto status = parse_decimal(*written);
  if (status && *status >= 400 && *status <= 599) {
    if (!add_once(target.statuses, static_cast<std::uint16_t>(*status))) twice();
  } else if (status) {
    item.error(in_quotes(*written) + " is not a status of 400 to 599");
  } else if (*written == "4xx" || *written == "5xx") {
    item.error(in_quotes(*written) +
               ": statuses are written one by one, as in [502, 503, 504]: few of them get better "
               "by trying again");
  } else {
    item.error(in_quotes(*written) +
               " is not one of connect, reset, timeout, a status of 400 to 599, or a code like "
               "grpc_unavailable" +
               item.context().problems.did_you_mean(*written, all_condition_words()));
  }
}

Value retry_conditions_value(RetryConditions& conditions) {
  return {
      .read =
          [&conditions](const Reader& in) {
            conditions = {
                .connect = false, .reset = false, .timeout = false, .statuses = {}, .grpc = {}};
            in.each_item_or_text(
                [&](const Reader& item) { read_retry_condition(item, conditions); });
            if (in.is_list() && !in.has_items()) in.error("must not be empty; write `retry: off`");
          },
      .print =
          [&conditions] {
            Tree out = Tree::list();
            for (std::string& word : words_of(conditions)) {
              if (const auto status = parse_decimal(word)) {
                out.push(static_cast<std::int64_t>(*status));
              } else {
                out.push(std::move(word));
              }
            }
            return out;
          },
      .schema =
          [] {
            Tree words = Tree::list();
            for (const std::string_view word : all_condition_words()) words.push(word);
            return one_or_more(or_variable(any_of({Tree::map({{"enum", std::move(words)}}),
                                                   Tree::map({{"type", "integer"},
                                                              {"minimum", std::int64_t{400}},
                                                              {"maximum", std::int64_t{599}}})})));
          }};
}

void read_retry_method(const Reader& item, RetryMethods& target) {
  auto written = item.text();
  if (!written) return;
  bool fresh = true;
  if (*written == "idempotent") {
    fresh = !std::exchange(target.idempotent, true);
  } else if (*written == "all") {
    fresh = !std::exchange(target.all, true);
  } else {
    if (Wrong wrong = check_method(*written)) return item.error(std::move(*wrong));
    fresh = add_once(target.listed, *written);
  }
  if (!fresh) item.error(in_quotes(*written) + " is given twice");
}

Value retry_methods_value(RetryMethods& methods) {
  return {.read =
              [&methods](const Reader& in) {
                methods = {.idempotent = false, .all = false, .listed = {}};
                in.each_item_or_text([&](const Reader& item) { read_retry_method(item, methods); });
                if (in.is_list() && !in.has_items()) in.error("must not be empty");
              },
          .print =
              [&methods] {
                if (methods.listed.empty() && methods.all != methods.idempotent) {
                  return Tree(methods.all ? "all" : "idempotent");
                }
                Tree out = Tree::list();
                for (std::string& word : words_of(methods)) out.push(std::move(word));
                return out;
              },
          .schema = texts_schema};
}

Fields fields(RetryBackoff& backoff) {
  return {
      {"base", duration(backoff.base, Zero::allowed),
       "the first retry waits a random time of at most this, each further one of twice as much"},
      {"max", duration(backoff.max, Zero::allowed), "the longest such wait"}};
}

Fields fields(Retry& retry) {
  return {
      {"retries", count(retry.retries, 0, most_retries), "how many times a request is sent again"},
      {"conditions", retry_conditions_value(retry.conditions),
       "connect, reset, timeout (the try's), statuses of 400 to 599, and for gRPC "
       "grpc_unavailable, grpc_resource_exhausted, grpc_deadline_exceeded, grpc_cancelled, "
       "grpc_internal"},
      {"methods", retry_methods_value(retry.methods),
       "idempotent (RFC 9110 section 9.2.2), all, or a list of methods"},
      {"idempotency_key", flag(retry.idempotency_key),
       "a request with an Idempotency-Key counts as idempotent"},
      {"try_timeout", duration(retry.try_timeout, Zero::allowed),
       "from the connect to the answer's head of one try; 0: only `timeout` counts"},
      {"max_body", size(retry.max_body, Zero::allowed, largest_kept_body),
       "content of a request that is kept for a retry; one with more is not sent again"},
      {"backoff", block(fields(retry.backoff)), "how long a retry waits"},
  };
}

// What a written block says that can never happen.
void warn_of_retry(const Reader& in, const Places& places, const Retry& retry) {
  // Who writes 0 knows.
  if (places.has("conditions") && retry.conditions.timeout && !places.has("try_timeout")) {
    in.warning(WarningName::no_effect,
               "`timeout` in `conditions` does nothing without `try_timeout`: the time of a try is "
               "not limited; write `try_timeout: 2s`, or leave `timeout` out");
  }
  const RetryMethods& methods = retry.methods;
  if (!retry.conditions.grpc.empty() && !methods.all && !retry.idempotency_key &&
      std::ranges::find(methods.listed, "POST") == methods.listed.end()) {
    in.warning(WarningName::no_effect,
               "codes of gRPC in `conditions` do nothing with these `methods`: calls are POSTs; "
               "write `methods: [POST]` if they may be sent twice");
  }
  if (places.has("retries") && retry.retries == 0) {
    in.warning(WarningName::no_effect, "nothing is sent again: `retries` is 0");
  }
}

}  // namespace

std::vector<std::string> words_of(const RetryConditions& conditions) {
  std::vector<std::string> out;
  for (const auto& [word, flag] : retry_condition_words) {
    if (conditions.*flag) out.emplace_back(word);
  }
  for (const std::uint16_t status : conditions.statuses) out.push_back(std::to_string(status));
  for (const auto& [word, code] : retried_codes) {
    if (std::ranges::find(conditions.grpc, code) != conditions.grpc.end()) out.emplace_back(word);
  }
  return out;
}

std::vector<std::string> words_of(const RetryMethods& methods) {
  std::vector<std::string> out;
  if (methods.idempotent) out.emplace_back("idempotent");
  if (methods.all) out.emplace_back("all");
  out.insert(out.end(), methods.listed.begin(), methods.listed.end());
  return out;
}

Value retry_value(Route& route) {
  const auto make = [](Retry& retry) { return fields(retry); };
  Value out = switchable_block(route.retry, make);
  out.read = [&route, read = out.read](const Reader& in) {
    if (in.is_text() || in.is_null()) {
      read(in);
    } else {
      Retry& retry = route.retry.emplace();
      const Places places = read_fields(in, fields(retry));
      warn_of_retry(in, places, retry);
    }
    route.failover = route.retry.has_value();
  };
  out.print = [&route, print = out.print] {
    return route.retry || !route.failover ? print() : Tree();
  };
  return out;
}

Fields fields(RetryBudget& budget) {
  return {{"share", share(budget.share), "of the upstream's requests in flight"},
          {"min", count(budget.min, 0, largest_count), "so many at a time in any case"}};
}

}  // namespace weir::config
