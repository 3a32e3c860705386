#include "driver/report.hpp"

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <string_view>
#include <utility>

#include "weir/base/release.hpp"

namespace weir::bench {
namespace {

// Sent later than this, requests did not come as they were asked for.
constexpr Duration late = std::chrono::milliseconds(1);

double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}
double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// Writes JSON, with the commas between members.
class Json {
 public:
  void open(char bracket) {
    separate();
    out_ += bracket;
    first_ = true;
  }
  void close(char bracket) {
    out_ += bracket;
    first_ = false;
  }
  void key(std::string_view name) {
    separate();
    quote(name);
    out_ += ": ";
    first_ = true;
  }
  void text(std::string_view value) {
    separate();
    quote(value);
  }
  template <class Number>
  void number(Number value) {
    separate();
    if constexpr (std::is_floating_point_v<Number>) {
      fmt::format_to(std::back_inserter(out_), "{:.6g}", value);
    } else {
      fmt::format_to(std::back_inserter(out_), "{}", value);
    }
  }
  template <class Value>
  void member(std::string_view name, const Value& value) {
    key(name);
    if constexpr (std::is_convertible_v<const Value&, std::string_view>) {
      text(value);
    } else if constexpr (std::is_same_v<Value, bool>) {
      separate();
      out_ += value ? "true" : "false";
    } else {
      number(value);
    }
  }
  std::string take() { return std::move(out_); }

 private:
  void separate() {
    if (!std::exchange(first_, false)) out_ += ", ";
  }
  void quote(std::string_view value) {
    out_ += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') {
        out_ += '\\';
        out_ += c;
      } else if (static_cast<unsigned char>(c) < 0x20) {
        fmt::format_to(std::back_inserter(out_), "\\u{:04x}", static_cast<unsigned>(c));
      } else {
        out_ += c;
      }
    }
    out_ += '"';
  }

  std::string out_;
  bool first_ = true;
};

void write_times(Json& json, std::string_view key, const Histogram& times) {
  json.key(key);
  json.open('{');
  json.member("count", times.count());
  if (times.count() != 0) {
    json.member("min", milliseconds(times.least()));
    json.member("mean", milliseconds(times.mean()));
    static constexpr std::array<std::pair<std::string_view, double>, 7> shares{{{"p50", 0.5},
                                                                                {"p75", 0.75},
                                                                                {"p90", 0.9},
                                                                                {"p95", 0.95},
                                                                                {"p99", 0.99},
                                                                                {"p99.5", 0.995},
                                                                                {"p99.9", 0.999}}};
    for (const auto& [name, share] : shares) {
      json.member(name, milliseconds(times.percentile(share)));
    }
    json.member("max", milliseconds(times.most()));
  }
  json.close('}');
}

void write_tally(Json& json, const Tally& tally, Duration length, bool judges_good) {
  const double of = seconds(length);
  json.member("due", tally.due);
  json.member("sent", tally.sent);
  json.member("sent_again", tally.sent_again);
  json.member("answered", tally.answered);
  json.member("ok", tally.ok);
  if (judges_good) json.member("good", tally.good);
  json.member("failed", tally.failed());
  json.member("omitted", tally.omitted());
  json.member("ok_per_second", of > 0 ? static_cast<double>(tally.ok) / of : 0.0);
  if (judges_good) {
    json.member("good_per_second", of > 0 ? static_cast<double>(tally.good) / of : 0.0);
  }
  json.member("content_bytes", tally.bytes);
  json.key("statuses");
  json.open('{');
  for (const auto& [status, count] : tally.statuses) json.member(std::to_string(status), count);
  json.close('}');
  json.key("failures");
  json.open('{');
  for (std::size_t i = 0; i < failure_count; ++i) {
    if (tally.failures[i] != 0) json.member(name(static_cast<Failure>(i)), tally.failures[i]);
  }
  json.close('}');
  json.key("omissions");
  json.open('{');
  for (std::size_t i = 0; i < omission_count; ++i) {
    if (tally.omissions[i] != 0) json.member(name(static_cast<Omission>(i)), tally.omissions[i]);
  }
  json.close('}');
  write_times(json, "latency_ms", tally.latency);
  write_times(json, "latency_ok_ms", tally.latency_ok);
  write_times(json, "lateness_ms", tally.lateness);
  write_times(json, "sent_after_ms", tally.sent_after);
}

void write_seconds(Json& json, const std::vector<Second>& all, Duration length, bool judges_good) {
  json.key("seconds");
  json.open('[');
  const auto whole = std::chrono::ceil<std::chrono::seconds>(length).count();
  for (std::size_t i = 0; i < all.size() && std::cmp_less(i, whole); ++i) {
    const Second& second = all[i];
    json.open('{');
    json.member("at", i);
    json.member("due", second.due);
    json.member("answered", second.answered);
    json.member("ok", second.ok);
    if (judges_good) json.member("good", second.good);
    json.member("failed", second.failed);
    json.member("omitted", second.omitted);
    if (second.latency_ok.count() != 0) {
      json.member("p50_ms", milliseconds(second.latency_ok.percentile(0.5)));
      json.member("p95_ms", milliseconds(second.latency_ok.percentile(0.95)));
      json.member("p99_ms", milliseconds(second.latency_ok.percentile(0.99)));
      json.member("max_ms", milliseconds(second.latency_ok.most()));
    }
    json.close('}');
  }
  json.close(']');
}

Tally sum(const std::vector<Tally>& tallies) {
  Tally out;
  for (const Tally& tally : tallies) out.add(tally);
  return out;
}

// Of the steps that count.
struct Whole {
  std::vector<Tally> streams;
  Duration length{};
};

Whole whole_of(const Options& options, const Outcome& outcome) {
  Whole out;
  out.streams.resize(options.streams.size());
  for (std::size_t step = 0; step < options.steps.size(); ++step) {
    if (!options.steps[step].counted) continue;
    out.length += outcome.lengths[step];
    for (std::size_t i = 0; i < out.streams.size(); ++i) {
      out.streams[i].add(outcome.tallies[step][i]);
    }
  }
  return out;
}

std::vector<Second> all_seconds(const Outcome& outcome) {
  std::vector<Second> out(outcome.seconds.front().size());
  for (const std::vector<Second>& stream : outcome.seconds) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i].add(stream[i]);
  }
  return out;
}

void write_steps(Json& json, const Options& options, const Outcome& outcome, bool judges_good) {
  json.key("steps");
  json.open('[');
  for (std::size_t step = 0; step < options.steps.size(); ++step) {
    const Step& asked = options.steps[step];
    if (!asked.counted) continue;
    json.open('{');
    json.member("rate", asked.rate);
    json.member("seconds", seconds(outcome.lengths[step]));
    write_tally(json, sum(outcome.tallies[step]), outcome.lengths[step], judges_good);
    json.key("streams");
    json.open('{');
    for (std::size_t i = 0; i < options.streams.size(); ++i) {
      json.key(options.streams[i].name);
      json.open('{');
      json.member("rate", asked.rates[i]);
      write_tally(json, outcome.tallies[step][i], outcome.lengths[step], judges_good);
      json.close('}');
    }
    json.close('}');
    json.close('}');
  }
  json.close(']');
}

}  // namespace

std::vector<std::string> warnings(const Options& options, const Outcome& outcome) {
  std::vector<std::string> out;
  const Tally all = sum(whole_of(options, outcome).streams);
  if (all.omitted() != 0) {
    out.push_back(fmt::format(
        "{} of {} requests were never sent, as no connection was free: the target answers too "
        "slowly for --connections {}, and latencies tell nothing of those requests",
        all.omitted(), all.due, options.connections));
  }
  if (const Duration own = all.lateness.percentile(0.99); own > late) {
    out.push_back(fmt::format(
        "the driver itself was late: 1 % of the requests came {:.1f} ms or more after they were "
        "due; give it a CPU of its own (--cpu), or ask for less",
        milliseconds(own)));
  }
  if (outcome.connections.failed != 0) {
    out.push_back(fmt::format(
        "{} connects failed{}{}", outcome.connections.failed,
        outcome.connect_error.empty() ? "" : ", the last one with: ", outcome.connect_error));
  }
  if (outcome.interrupted) out.emplace_back("the run was interrupted before its end");
  return out;
}

std::string report(const Options& options, const Outcome& outcome) {
  const Whole whole = whole_of(options, outcome);
  const Tally all = sum(whole.streams);
  const bool judges_good = options.good_within.has_value();
  Json json;
  json.open('{');
  json.member("driver", fmt::format("weir-load {}", release()));
  json.member("url", options.target.url);
  json.member("protocol", std::string_view(options.target.http2 ? "h2" : "http/1.1"));
  json.member("arrivals",
              std::string_view(options.arrivals == Arrivals::even ? "even" : "poisson"));
  json.member("seed", options.seed);
  json.member("timeout_ms", milliseconds(options.timeout));
  if (judges_good) json.member("good_within_ms", milliseconds(*options.good_within));
  json.member("began_ms", outcome.began);
  json.member("seconds_in_all", seconds(whole.length));
  json.member("kept_up", all.omitted() == 0 && all.lateness.percentile(0.99) <= late);
  json.key("warnings");
  json.open('[');
  for (const std::string& warning : warnings(options, outcome)) json.text(warning);
  json.close(']');
  json.member("interrupted", outcome.interrupted);
  json.member("busy", outcome.busy);
  json.key("connections");
  json.open('{');
  json.member("limit", options.connections);
  json.member("opened", outcome.connections.opened);
  json.member("failed", outcome.connections.failed);
  json.member("most_open", outcome.connections.most_open);
  json.close('}');
  for (std::size_t step = 0; step < options.steps.size(); ++step) {
    if (options.steps[step].counted) continue;
    const Tally warm = sum(outcome.tallies[step]);
    json.key("warmup");
    json.open('{');
    json.member("seconds", seconds(outcome.lengths[step]));
    json.member("due", warm.due);
    json.member("sent", warm.sent);
    json.member("answered", warm.answered);
    json.member("failed", warm.failed());
    json.member("omitted", warm.omitted());
    json.close('}');
  }
  json.key("all");
  json.open('{');
  write_tally(json, all, whole.length, judges_good);
  write_seconds(json, all_seconds(outcome), whole.length, judges_good);
  json.close('}');
  json.key("streams");
  json.open('{');
  for (std::size_t i = 0; i < options.streams.size(); ++i) {
    json.key(options.streams[i].name);
    json.open('{');
    write_tally(json, whole.streams[i], whole.length, judges_good);
    write_seconds(json, outcome.seconds[i], whole.length, judges_good);
    json.close('}');
  }
  json.close('}');
  write_steps(json, options, outcome, judges_good);
  json.close('}');
  return json.take();
}

}  // namespace weir::bench
