#include "weir/http/grpc.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "weir/base/text.hpp"

namespace weir {
namespace {

constexpr std::string_view content_type = "application/grpc";
constexpr std::int64_t most_count = 99'999'999;

struct Unit {
  char letter;
  Duration length;
};
constexpr std::array<Unit, 6> units{{{'n', std::chrono::nanoseconds(1)},
                                     {'u', std::chrono::microseconds(1)},
                                     {'m', std::chrono::milliseconds(1)},
                                     {'S', std::chrono::seconds(1)},
                                     {'M', std::chrono::minutes(1)},
                                     {'H', std::chrono::hours(1)}}};

// Bytes 20 to 7E but '%' as they are, others as %HH.
std::string message(std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (c >= 0x20 && c < 0x7F && c != '%') {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += hex[byte >> 4];
      out += hex[byte & 15];
    }
  }
  return out;
}

}  // namespace

bool has_grpc_content(const RequestHead& head) noexcept {
  const std::string_view type = head.headers.get(FieldId::content_type).value_or("");
  if (!istarts_with(type, content_type)) return false;
  if (type.size() == content_type.size()) return true;
  const char next = type[content_type.size()];
  return next == '+' || next == ';';
}

std::optional<Duration> parse_grpc_timeout(std::string_view text) noexcept {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  const auto unit = std::ranges::find(units, text.back(), &Unit::letter);
  const auto count = parse_decimal(text.substr(0, text.size() - 1));
  if (unit == units.end() || !count) return std::nullopt;
  // Eight digits of hours are longer than the clock goes.
  constexpr Duration longest = std::chrono::hours(24 * 365 * 100);
  const auto times = static_cast<std::int64_t>(*count);
  return times > longest / unit->length ? longest : unit->length * times;
}

std::string grpc_timeout(Duration time) {
  time = std::max(time, Duration(1));
  for (const Unit& unit : units) {
    const std::int64_t count = (time + unit.length - Duration(1)) / unit.length;
    if (count <= most_count) return std::to_string(count) + unit.letter;
  }
  return "99999999H";
}

int grpc_status_of(Reason reason, int status) noexcept {
  constexpr int unknown = 2;
  if (reason != Reason::none) return info(reason).grpc_status;
  for (std::size_t i = 1; i < reason_count; ++i) {
    const ReasonInfo& row = info(static_cast<Reason>(i));
    if (row.status == status) return row.grpc_status;
  }
  return unknown;
}

bool refuses(const Response& response) noexcept {
  if (response.reason != Reason::none) return true;
  return response.head.status >= 400 && !response.detail.empty();
}

void into_grpc(Response& response) {
  const bool has_reason = response.reason != Reason::none;
  const int status = has_reason ? status_of(response.reason) : response.head.status;
  const int grpc_status = grpc_status_of(response.reason, status);
  HeaderMap& headers = response.head.headers;
  response.head.status = 200;
  response.head.framing = Framing::none;
  response.body = NoBody{};
  headers.remove(FieldId::content_length);
  headers.set("content-type", content_type);
  headers.add("grpc-status", std::to_string(grpc_status));
  headers.add("grpc-message", message(status_phrase(status)));
}

}  // namespace weir
