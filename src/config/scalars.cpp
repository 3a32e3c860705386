#include "config/scalars.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "config/foreign_values.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

struct DurationUnit {
  std::string_view name;
  std::int64_t nanoseconds;
};
// Ascending: the printer takes the last that divides.
constexpr std::array<DurationUnit, 6> duration_units{{{"us", 1'000},
                                                      {"ms", 1'000'000},
                                                      {"s", 1'000'000'000},
                                                      {"m", 60'000'000'000},
                                                      {"h", 3'600'000'000'000},
                                                      {"d", 86'400'000'000'000}}};

struct SizeUnit {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr std::array<SizeUnit, 7> size_units{{{"B", 1},
                                              {"KB", 1'000},
                                              {"MB", 1'000'000},
                                              {"GB", 1'000'000'000},
                                              {"KiB", 1ULL << 10},
                                              {"MiB", 1ULL << 20},
                                              {"GiB", 1ULL << 30}}};
constexpr std::uint64_t largest_size = 1ULL << 50;

struct RateUnit {
  std::string_view name;
  Duration period;
};
constexpr std::array<RateUnit, 3> rate_units{
    {{"s", std::chrono::seconds(1)}, {"m", std::chrono::minutes(1)}, {"h", std::chrono::hours(1)}}};

struct Number {
  std::uint64_t whole = 0;
  std::uint64_t fraction = 0;  // in 1e-9
  std::string_view unit;
};

// Digits, perhaps '.' and one to nine digits, then the unit.
std::optional<Number> split_number(std::string_view text) {
  const auto digits = [&text] {
    const std::size_t length = static_cast<std::size_t>(
        std::ranges::find_if_not(text, [](char c) { return is_digit(c); }) - text.begin());
    const std::string_view out = text.substr(0, length);
    text.remove_prefix(length);
    return out;
  };
  Number out;
  const auto whole = parse_decimal(digits());
  if (!whole) return std::nullopt;
  out.whole = *whole;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const std::string_view fraction = digits();
    if (fraction.empty() || fraction.size() > 9) return std::nullopt;
    out.fraction = *parse_decimal(std::string(fraction) + std::string(9 - fraction.size(), '0'));
  }
  out.unit = text;
  return out;
}

std::unexpected<std::string> wrong(std::string message) {
  return std::unexpected(std::move(message));
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && !is_digit(name.front()) &&
         std::ranges::all_of(name, [](char c) { return is_alpha(c) || is_digit(c) || c == '_'; });
}

}  // namespace

Parsed<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration::zero();
  const auto number = split_number(text);
  const auto* unit = number ? std::ranges::find(duration_units, number->unit, &DurationUnit::name)
                            : duration_units.end();
  if (unit == duration_units.end()) {
    return wrong(in_quotes(text) + " is not a duration; write a number and us, ms, s, m, h or d" +
                 duration_hint(text));
  }
  const auto limit = static_cast<std::uint64_t>(longest_duration.count() / unit->nanoseconds);
  if (number->whole > limit || (number->whole == limit && number->fraction != 0)) {
    return wrong(in_quotes(text) + " is too long; at most 3650d");
  }
  // Exact: a ninth decimal of a unit may be less than a nanosecond, which is cut off.
  const auto unit_ns = static_cast<unsigned __int128>(unit->nanoseconds);
  const auto fraction = static_cast<std::int64_t>(unit_ns * number->fraction / 1'000'000'000);
  const auto total = static_cast<std::int64_t>(number->whole) * unit->nanoseconds + fraction;
  if (total == 0 && number->fraction != 0)
    return wrong(in_quotes(text) + " is too short; at least 1 ns");
  return std::chrono::nanoseconds(total);
}

std::string format_duration(Duration duration) {
  const std::int64_t ns = std::chrono::nanoseconds(duration).count();
  if (ns == 0) return "0s";
  for (auto unit = duration_units.rbegin(); unit != duration_units.rend(); ++unit) {
    if (ns % unit->nanoseconds == 0) return fmt::format("{}{}", ns / unit->nanoseconds, unit->name);
  }
  return fmt::format("{}.{:03}us", ns / 1000, ns % 1000);
}

Parsed<std::uint64_t> parse_size(std::string_view text) {
  if (text == "0") return 0;
  const auto number = split_number(text);
  const auto* unit = number && !text.contains('.')
                         ? std::ranges::find(size_units, number->unit, &SizeUnit::name)
                         : size_units.end();
  if (unit == size_units.end()) {
    return wrong(in_quotes(text) +
                 " is not a size; write an integer and B, KB, MB, GB, KiB, MiB or GiB" +
                 size_hint(text));
  }
  if (number->whole > largest_size / unit->bytes) return wrong(in_quotes(text) + " is too large");
  return number->whole * unit->bytes;
}

std::string format_size(std::uint64_t bytes) {
  if (bytes == 0) return "0";
  const SizeUnit* best = size_units.data();
  for (const SizeUnit& unit : size_units) {
    if (bytes % unit.bytes == 0 && unit.bytes > best->bytes) best = &unit;
  }
  return fmt::format("{}{}", bytes / best->bytes, best->name);
}

namespace {

Parsed<double> share_up_to(double most, std::string_view text) {
  if (text == "0") return 0.0;
  const auto number = split_number(text);
  if (!number || number->unit != "%")
    return wrong(in_quotes(text) + " is not a share; write one like 30%" + share_hint(text));
  const double percent =
      static_cast<double>(number->whole) + static_cast<double>(number->fraction) / 1e9;
  if (percent > most) return wrong(fmt::format("{} is more than {}%", in_quotes(text), most));
  return percent / 100;
}

}  // namespace

Parsed<double> parse_share(std::string_view text) { return share_up_to(100, text); }

Parsed<double> parse_multiple(std::string_view text) { return share_up_to(1000, text); }

std::string format_share(double share) { return fmt::format("{:.9g}%", share * 100); }

Parsed<Rate> parse_rate(std::string_view text) {
  constexpr std::uint64_t most = 1'000'000'000;
  const std::size_t slash = text.find('/');
  const auto tokens = parse_decimal(text.substr(0, slash));
  const std::string_view unit =
      slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
  const auto* known = std::ranges::find(rate_units, unit, &RateUnit::name);
  if (tokens && *tokens == 0 && (slash == std::string_view::npos || known != rate_units.end())) {
    return wrong("must be above 0");
  }
  if (!tokens || known == rate_units.end()) {
    return wrong(in_quotes(text) + " is not a rate; write one like 50/s, 1000/m or 100000/h" +
                 rate_hint(text));
  }
  if (*tokens > most) return wrong(in_quotes(text) + " is too much; at most 1000000000");
  return Rate{*tokens, known->period};
}

std::string to_text(const Rate& rate) {
  const auto* unit = std::ranges::find(rate_units, rate.period, &RateUnit::period);
  return fmt::format("{}/{}", rate.tokens, unit == rate_units.end() ? "?" : unit->name);
}

Parsed<std::uint64_t> parse_count(std::string_view text, std::uint64_t least, std::uint64_t most) {
  const auto value = parse_decimal(text);
  if (value && *value >= least && *value <= most) return *value;
  return wrong(fmt::format("{} is not an integer of {} to {}", in_quotes(text), least, most));
}

Parsed<bool> parse_flag(std::string_view text) {
  if (text == "on" || text == "true") return true;
  if (text == "off" || text == "false") return false;
  return wrong(in_quotes(text) + " is neither on nor off" + flag_hint(text));
}

Parsed<std::string> expand_environment(std::string_view text) {
  constexpr std::size_t longest = 1 << 20;
  std::string out;
  while (true) {
    const std::size_t start = text.find("${");
    out += text.substr(0, start);
    if (out.size() > longest) return wrong("the text is longer than 1 MiB");
    if (start == std::string_view::npos) return out;
    text.remove_prefix(start + 2);
    const std::size_t close = text.find('}');
    if (close == std::string_view::npos) return wrong("'${' without '}'");
    const std::string_view inside = text.substr(0, close);
    text.remove_prefix(close + 1);
    const std::size_t colon = inside.find(":-");
    const std::string name(inside.substr(0, colon));
    if (!is_variable_name(name)) {
      return wrong(in_quotes("${" + std::string(inside) + "}") +
                   " is not ${NAME} or ${NAME:-default} of an environment variable");
    }
    const char* value = std::getenv(name.c_str());
    const bool has_default = colon != std::string_view::npos;
    if (has_default && (value == nullptr || *value == '\0')) {  // as a shell has it
      out += inside.substr(colon + 2);
    } else if (value != nullptr) {
      out += value;
    } else {
      return wrong("environment variable " + in_quotes(name) +
                   " is not set; set it or write a default: ${" + name.substr(0, 64) + ":-value}");
    }
  }
}

bool is_name(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return is_alpha(c) || is_digit(c) || c == '_' || c == '.' || c == '-';
  });
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest = 100;
  std::string out = "'";
  for (const char c : text.substr(0, longest)) {
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  }
  out += text.size() > longest ? "...'" : "'";
  return out;
}

}  // namespace weir::config
