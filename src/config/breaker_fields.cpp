#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "config/blocks.hpp"
#include "config/kinds.hpp"
#include "weir/base/grpc_status.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

constexpr std::uint64_t most_window_calls = 100'000;
constexpr std::uint64_t most_calls = 1'000'000;

struct FailureWord {
  std::string_view word;
  bool BreakerFailures::* flag;
};
constexpr FailureWord failure_words[] = {{"connect", &BreakerFailures::connect},
                                         {"reset", &BreakerFailures::reset},
                                         {"timeout", &BreakerFailures::timeout},
                                         {"5xx", &BreakerFailures::server_errors}};

constexpr std::string_view grpc_prefix = "grpc_";

std::string grpc_word(std::size_t code) {
  return std::string(grpc_prefix) + std::string(grpc_code_names[code]);
}

void read_grpc_code(const Reader& item, const std::string& written, BreakerFailures& target) {
  const auto found =
      std::ranges::find(grpc_code_names, std::string_view(written).substr(grpc_prefix.size()));
  const auto code = static_cast<std::uint8_t>(found - grpc_code_names.begin());
  if (found == grpc_code_names.end()) {
    std::vector<std::string> all;
    for (std::size_t i = 1; i < grpc_code_count; ++i) all.push_back(grpc_word(i));
    const std::vector<std::string_view> words(all.begin(), all.end());
    item.error(in_quotes(written) + " is not a status code of gRPC" +
               item.context().problems.did_you_mean(written, words));
  } else if (code == 0) {
    item.error(in_quotes(written) + " is not a failure");
  } else if (std::ranges::find(target.grpc, code) != target.grpc.end()) {
    item.error(in_quotes(written) + " is given twice");
  } else {
    target.grpc.push_back(code);
  }
}

void read_failure(const Reader& item, BreakerFailures& target) {
  const auto written = item.text();
  if (!written) return;
  const auto twice = [&] { item.error(in_quotes(*written) + " is given twice"); };
  for (const auto& [word, flag] : failure_words) {
    if (*written != word) continue;
    return std::exchange(target.*flag, true) ? twice() : void();
  }
  if (written->starts_with(grpc_prefix)) return read_grpc_code(item, *written, target);
  const auto status = parse_decimal(*written);
  if (status && *status >= 500 && *status <= 599) {
    const auto value = static_cast<std::uint16_t>(*status);
    if (std::ranges::find(target.statuses, value) != target.statuses.end()) return twice();
    target.statuses.push_back(value);
  } else if (status) {
    item.error(in_quotes(*written) +
               " is not a status of 500 to 599: others are not failures of an upstream");
  } else {
    std::vector<std::string_view> words;
    for (const FailureWord& each : failure_words) words.push_back(each.word);
    item.error(in_quotes(*written) + " is not one of connect, reset, timeout, 5xx, or a status" +
               item.context().problems.did_you_mean(*written, words));
  }
}

Value failures_value(BreakerFailures& failures) {
  return {
      .read =
          [&failures](const Reader& in) {
            failures = {.connect = false,
                        .reset = false,
                        .timeout = false,
                        .server_errors = false,
                        .statuses = {},
                        .grpc = {}};
            in.each_item_or_text([&failures](const Reader& item) { read_failure(item, failures); });
          },
      .print =
          [&failures] {
            Tree out = Tree::list();
            for (const auto& [word, flag] : failure_words) {
              if (failures.*flag) out.push(word);
            }
            for (const std::uint16_t status : failures.statuses) {
              out.push(std::int64_t{status});
            }
            for (const std::uint8_t code : failures.grpc) out.push(grpc_word(code));
            return out;
          },
      .schema =
          [] {
            Tree words = Tree::list();
            for (const FailureWord& each : failure_words) words.push(each.word);
            for (std::size_t i = 1; i < grpc_code_count; ++i) words.push(grpc_word(i));
            return one_or_more(or_variable(any_of({Tree::map({{"enum", std::move(words)}}),
                                                   Tree::map({{"type", "integer"},
                                                              {"minimum", std::int64_t{500}},
                                                              {"maximum", std::int64_t{599}}})})));
          }};
}

// "10s", or "100 calls".
Parsed<BreakerWindow> parse_window(std::string_view text) {
  constexpr std::string_view calls = " calls";
  if (text.ends_with(calls)) {
    const auto count =
        parse_count(trim(text.substr(0, text.size() - calls.size())), 1, most_window_calls);
    if (!count) return std::unexpected(count.error());
    return BreakerWindow{.calls = static_cast<std::uint32_t>(*count)};
  }
  const auto time = parse_duration(text);
  if (!time) {
    return std::unexpected(in_quotes(text) + " is neither a time like 10s nor like \"100 calls\"");
  }
  if (*time == Duration::zero()) return std::unexpected("must be above 0");
  return BreakerWindow{.time = *time, .calls = 0};
}

Value window_value(BreakerWindow& window) {
  return {.read =
              [&window](const Reader& in) {
                if (const auto value = in.parse(parse_window)) window = *value;
              },
          .print =
              [&window] {
                return Tree(window.calls == 0 ? format_duration(window.time)
                                              : fmt::format("{} calls", window.calls));
              },
          .schema =
              [] {
                return pattern_schema(R"(^([0-9]+(\.[0-9]{1,9})?(us|ms|s|m|h|d)|[0-9]+ +calls)$)");
              }};
}

// A share that cannot be 0: then every call would reach it.
Value some_share(double& target) {
  Value out = share(target);
  out.read = [&target](const Reader& in) {
    const auto value = in.parse(parse_share);
    if (!value) return;
    if (*value == 0) return in.error("must be above 0");
    target = *value;
  };
  return out;
}

// Measured over a second: what is below one call in it cannot be told from none.
Value shed_rate(Rate& target) {
  Value plain = rate(target);
  plain.read = [&target, read = std::move(plain.read)](const Reader& in) {
    read(in);
    if (target.tokens != 0 && target.tokens < static_cast<std::uint64_t>(target.period / 1s)) {
      target = {};
      in.error("must be at least one call a second: 1/s, 60/m or 3600/h");
    }
  };
  return off_or(target, std::move(plain));
}

Fields shed_fields(BreakerShed& shed) {
  return {{"rate", shed_rate(shed.rate),
           "calls to the upstream in a second, shed and refused ones included; off: not looked at"},
          {"p95", off_or(shed.p95, duration(shed.p95)),
           "95% of the calls of the last five seconds have their head in this time; off: not "
           "looked at"},
          {"share", some_share(shed.share),
           "of the requests that is refused past either, lowest priorities first"}};
}

Value shed_value(std::optional<BreakerShed>& target) {
  Value out = optional_block(target, shed_fields);
  out.read = [&target, read = std::move(out.read)](const Reader& in) {
    const std::size_t errors = in.context().problems.error_count();
    read(in);
    if (in.context().problems.error_count() != errors) return;
    if (target->rate.tokens == 0 && target->p95 == Duration::zero()) {
      in.error("needs `rate` or `p95`: with neither nothing is ever shed");
    }
  };
  return out;
}

}  // namespace

Fields fields(CircuitBreaker& breaker) {
  return {
      {"failures", failures_value(breaker.failures),
       "connect, reset, timeout, 5xx, single statuses of 500 to 599, codes like grpc_unavailable"},
      {"failure_rate", some_share(breaker.failure_rate), "share of calls that opens it"},
      {"slow_call", duration(breaker.slow_call), "a call is slow if its head takes longer"},
      {"slow_call_rate", some_share(breaker.slow_call_rate), "share of slow calls that opens it"},
      {"window", window_value(breaker.window),
       "the calls that count: those of a time, or \"100 calls\""},
      {"minimum_calls", count(breaker.minimum_calls, 1, most_calls),
       "with fewer calls it never opens; at most the window's calls"},
      {"open_for", duration(breaker.open_for), "how long it stays open"},
      {"half_open_calls", count(breaker.half_open_calls, 1, most_calls),
       "probes that then decide whether it closes"},
      {"shed", shed_value(breaker.shed),
       "refuses a share of the requests while there are too many, or their answers are slow"},
  };
}

}  // namespace weir::config
