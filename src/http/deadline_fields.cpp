#include "weir/http/deadline_fields.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "weir/base/text.hpp"
#include "weir/http/grpc.hpp"

namespace weir {
namespace {

constexpr std::size_t most_digits = 12;
// Longer than any clock here goes.
constexpr Duration longest_wait = std::chrono::hours(24 * 365 * 100);

}  // namespace

std::optional<RequestTimeout> parse_request_timeout(std::string_view text) noexcept {
  const std::size_t end =
      static_cast<std::size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
  if (end == 0 || end > most_digits) return std::nullopt;
  const std::string_view unit = text.substr(end);
  Duration length = std::chrono::milliseconds(1);
  if (unit == "s") {
    length = std::chrono::seconds(1);
  } else if (!unit.empty() && unit != "ms") {
    return std::nullopt;
  }
  const auto count = parse_decimal(text.substr(0, end));
  if (!count) return std::nullopt;
  const auto times = static_cast<std::int64_t>(*count);
  return RequestTimeout{times > longest_wait / length ? longest_wait : length * times,
                        unit.empty()};
}

std::string request_timeout(Duration time, bool bare) {
  const auto whole = std::chrono::floor<std::chrono::milliseconds>(time).count();
  std::string out = std::to_string(std::max<std::int64_t>(whole, 1));
  if (!bare) out += "ms";
  return out;
}

std::optional<RequestTimeout> request_timeout_of(const HeaderMap& headers) noexcept {
  std::optional<RequestTimeout> out;
  if (!headers.may_have(field_set(FieldId::x_request_timeout))) [[likely]]
    return out;
  for (const HeaderMap::Field& field : headers) {
    if (field.id != FieldId::x_request_timeout) continue;
    const auto told = parse_request_timeout(field.value);
    if (told && (!out || told->time < out->time)) out = told;
  }
  return out;
}

std::optional<Duration> told_timeout(const RequestHead& head, AcceptedDeadlines accepted) noexcept {
  std::optional<Duration> out;
  if (accepted.request_timeout && !head.upgrade_websocket) {
    if (const auto told = request_timeout_of(head.headers)) out = told->time;
  }
  if (accepted.grpc_timeout && is_grpc(head)) {
    const auto told = parse_grpc_timeout(head.headers.get("grpc-timeout").value_or(""));
    if (told && (!out || *told < *out)) out = told;
  }
  return out;
}

}  // namespace weir
