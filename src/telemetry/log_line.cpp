#include "telemetry/log_line.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "weir/base/text.hpp"

namespace weir::telemetry::log {
namespace {

constexpr std::size_t longest_value = 512;

void append_number(std::string& out, auto value) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_json_escaped(out, text);
  out += '"';
}

bool is_bare(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return c > 0x20 && c < 0x7F && c != '"' && c != '\\' && c != '=';
  });
}

void append_value(std::string& out, const Field::Value& value, Format format) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    const std::string_view cut = text->substr(0, longest_value);
    if (format == Format::text && is_bare(cut)) {
      out += cut;
    } else {
      append_quoted(out, cut);
    }
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    append_number(out, *integer);
  } else if (const auto* count = std::get_if<std::uint64_t>(&value)) {
    append_number(out, *count);
  } else if (const auto* real = std::get_if<double>(&value)) {
    if (std::isfinite(*real)) {
      append_number(out, *real);
    } else {
      out += "null";
    }
  } else {
    out += std::get<bool>(value) ? "true" : "false";
  }
}

}  // namespace

std::string_view name(Level level) noexcept {
  constexpr std::array<std::string_view, 5> names{"trace", "debug", "info", "warn", "error"};
  return names[static_cast<std::size_t>(level)];
}

std::string format_line(Format format, WallTime time, Level level, std::string_view message,
                        std::span<const Field> fields) {
  const bool json = format == Format::json;
  std::array<char, Timestamp::longest> stamp;
  const std::string_view when(
      stamp.data(),
      static_cast<std::size_t>(Timestamp().rfc3339_ms(stamp.data(), time) - stamp.data()));

  std::string out;
  if (json) {
    out.append(R"({"time":")").append(when).append(R"(","level":")").append(name(level));
    out += R"(","message":)";
    append_quoted(out, message.substr(0, longest_value));
  } else {
    out.append(when).append(" ").append(name(level)).append(" ");
    append_json_escaped(out, message.substr(0, longest_value));
  }
  for (const Field& field : fields) {
    const std::size_t before = out.size();
    if (json) {
      out.append(",\"").append(field.key).append("\":");
    } else {
      out.append(" ").append(field.key).append("=");
    }
    append_value(out, field.value, format);
    if (out.size() + 2 > longest_line) out.resize(before);
  }
  out += json ? "}\n" : "\n";
  return out;
}

}  // namespace weir::telemetry::log
