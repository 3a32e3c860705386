#include "app/live/answer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>

#include "weir/auth/json_object.hpp"

namespace weir::app {
namespace {

constexpr double most_counted = 1e18;

const json::value* find(const json::object& object, std::string_view name) {
  return object.if_contains({name.data(), name.size()});
}

std::uint64_t whole(double number) {
  return static_cast<std::uint64_t>(std::clamp(std::round(number), 0.0, most_counted));
}

}  // namespace

std::optional<json::value> parse_answer(std::string_view body) {
  boost::system::error_code error;
  json::value value = json::parse({body.data(), body.size()}, error);
  if (error) return std::nullopt;
  return value;
}

std::string text_at(const json::object& object, std::string_view name) {
  const json::value* value = find(object, name);
  return value != nullptr && value->is_string() ? std::string(auth::view(value->get_string()))
                                                : std::string();
}

double number_at(const json::object& object, std::string_view name) {
  const json::value* value = find(object, name);
  if (value == nullptr || !value->is_number()) return 0;
  boost::system::error_code error;
  const auto number = value->to_number<double>(error);
  return error || !std::isfinite(number) ? 0 : number;
}

bool flag_at(const json::object& object, std::string_view name) {
  const json::value* value = find(object, name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

const json::object& object_at(const json::object& object, std::string_view name) {
  static const json::object none;
  const json::value* value = find(object, name);
  return value != nullptr && value->is_object() ? value->get_object() : none;
}

const json::array& array_at(const json::object& object, std::string_view name) {
  static const json::array none;
  const json::value* value = find(object, name);
  return value != nullptr && value->is_array() ? value->get_array() : none;
}

const json::object& as_object(const json::value& value) {
  static const json::object none;
  return value.is_object() ? value.get_object() : none;
}

std::string joined(const json::array& texts) {
  std::string out;
  for (const json::value& each : texts) {
    if (!each.is_string()) continue;
    if (!out.empty()) out += ", ";
    out += auth::view(each.get_string());
  }
  return out;
}

std::string count_text(double count) {
  std::string digits = fmt::format("{}", whole(count));
  for (std::size_t end = digits.size(); end > 3;) {
    end -= 3;
    digits.insert(end, 1, ',');
  }
  return digits;
}

std::string rate_text(double rate) {
  if (rate <= 0) return "0/s";
  if (rate >= 100) return count_text(rate) + "/s";
  return fmt::format("{:.1f}/s", rate);
}

std::string percent_text(double share) {
  return fmt::format("{:.0f}%", std::clamp(share, 0.0, 1.0) * 100);
}

std::string time_text(double seconds) {
  struct Unit {
    std::uint64_t seconds;
    const char* name;
  };
  constexpr Unit units[] = {{24 * 3600, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
  std::uint64_t left = whole(seconds);
  std::string out;
  int told = 0;
  for (const Unit& unit : units) {
    const std::uint64_t count = left / unit.seconds;
    left %= unit.seconds;
    if (count == 0 && told == 0) continue;
    if (told++ == 2) break;
    if (count != 0)
      fmt::format_to(std::back_inserter(out), "{}{} {}", out.empty() ? "" : " ", count, unit.name);
  }
  return out.empty() ? "0 s" : out;
}

}  // namespace weir::app
