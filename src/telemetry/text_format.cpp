#include "telemetry/text_format.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <iterator>

namespace weir::telemetry {
namespace {

constexpr std::string_view total_suffix = "_total";

constexpr std::array<std::string_view, 3> kind_names{"counter", "gauge", "histogram"};

void append_help(std::string& out, std::string_view help, TextFormat format) {
  for (const char c : help) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && format == TextFormat::openmetrics) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

// What the name says its numbers are in, in OpenMetrics's words.
std::string_view unit_of(std::string_view family) noexcept {
  for (const std::string_view unit : {"seconds", "bytes", "ratio"}) {
    if (family.ends_with(unit) && family.size() > unit.size() &&
        family[family.size() - unit.size() - 1] == '_') {
      return unit;
    }
  }
  return {};
}

}  // namespace

void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  std::array<char, 32> text;
  constexpr double most_exact = 1ULL << 53;
  if (std::abs(value) <= most_exact && value == std::trunc(value)) {
    const auto end = std::to_chars(text.begin(), text.end(), static_cast<std::int64_t>(value)).ptr;
    out.append(text.begin(), end);
    return;
  }
  // As people write them, where that is short.
  const bool is_plain = std::abs(value) >= 1e-5 && std::abs(value) < 1e15;
  const auto end =
      is_plain ? std::to_chars(text.begin(), text.end(), value, std::chars_format::fixed).ptr
               : std::to_chars(text.begin(), text.end(), value).ptr;
  out.append(text.begin(), end);
}

std::string bound_text(std::int64_t nanoseconds, TextFormat format) {
  std::string out;
  append_number(out, static_cast<double>(nanoseconds) / 1e9);
  if (format == TextFormat::openmetrics && out.find('.') == std::string::npos &&
      out.find('e') == std::string::npos) {
    out += ".0";
  }
  return out;
}

void append_label(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += "=\"";
  for (const char c : value) {
    if (c == '\\' || c == '"') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_heading(std::string& out, FamilyKind kind, std::string_view name, std::string_view help,
                    TextFormat format) {
  // There a counter's family has the name without the suffix that its samples have.
  std::string_view family = name;
  if (format == TextFormat::openmetrics && kind == FamilyKind::counter) {
    family.remove_suffix(total_suffix.size());
  }
  out += "# HELP ";
  out += family;
  out += ' ';
  append_help(out, help, format);
  out += "\n# TYPE ";
  out += family;
  out += ' ';
  out += kind_names[static_cast<std::size_t>(kind)];
  out += '\n';
  const std::string_view unit = unit_of(family);
  if (format == TextFormat::openmetrics && !unit.empty()) {
    out += "# UNIT ";
    out += family;
    out += ' ';
    out += unit;
    out += '\n';
  }
}

void append_exemplar(std::string& out, const Exemplar& exemplar) {
  fmt::format_to(std::back_inserter(out), R"( # {{trace_id="{:016x}{:016x}"}} )",
                 exemplar.trace.high, exemplar.trace.low);
  append_number(out, static_cast<double>(exemplar.nanoseconds) / 1e9);
  const auto micros = exemplar.when.count();
  fmt::format_to(std::back_inserter(out), " {}.{:06}", micros / 1'000'000, micros % 1'000'000);
}

bool ScrapeRequest::wants(std::string_view family) const noexcept {
  if (names.empty()) return true;
  constexpr std::array<std::string_view, 4> suffixes{"", "_bucket", "_count", "_sum"};
  const bool is_counter = family.ends_with(total_suffix);
  const std::string_view bare =
      is_counter ? family.substr(0, family.size() - total_suffix.size()) : family;
  for (const std::string& name : names) {
    if (name == bare) return true;
    for (const std::string_view suffix : suffixes) {
      if (name.starts_with(family) && std::string_view(name).substr(family.size()) == suffix) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace weir::telemetry
