#include "weir/http/retry_after.hpp"

#include <algorithm>
#include <cstdint>

#include "weir/base/text.hpp"

namespace weir {
namespace {

constexpr std::int64_t longest_retry_after = 24 * 60 * 60;  // seconds

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<std::time_t> parse_imf_fixdate(std::string_view text) noexcept {
  constexpr std::string_view shape = "aaa, 00 aaa 0000 00:00:00 GMT";
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != shape.size()) return std::nullopt;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool fits = shape[i] == '0'   ? is_digit(text[i])
                      : shape[i] == 'a' ? is_alpha(text[i])
                                        : text[i] == shape[i];
    if (!fits) return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t digits) {
    int out = 0;
    for (const char c : text.substr(at, digits)) out = out * 10 + (c - '0');
    return out;
  };
  const std::size_t month = months.find(text.substr(8, 3));
  if (month == std::string_view::npos || month % 3 != 0) return std::nullopt;
  std::tm utc{};
  utc.tm_mday = number(5, 2);
  utc.tm_mon = static_cast<int>(month / 3);
  utc.tm_year = number(12, 4) - 1900;
  utc.tm_hour = number(17, 2);
  utc.tm_min = number(20, 2);
  utc.tm_sec = number(23, 2);
  if (utc.tm_mday < 1 || utc.tm_mday > 31 || utc.tm_hour > 23 || utc.tm_min > 59 ||
      utc.tm_sec > 60) {
    return std::nullopt;
  }
  return timegm(&utc);
}

}  // namespace

std::optional<Duration> parse_retry_after(std::string_view field, std::time_t now) noexcept {
  if (field.empty()) return std::nullopt;
  std::int64_t seconds = longest_retry_after;
  if (std::ranges::all_of(field, is_digit)) {
    // More digits than fit mean for ever.
    if (const auto read = parse_decimal(field)) {
      seconds = static_cast<std::int64_t>(std::min<std::uint64_t>(*read, longest_retry_after));
    }
  } else if (const auto date = parse_imf_fixdate(field)) {
    seconds = std::clamp<std::int64_t>(*date - now, 0, longest_retry_after);
  } else {
    return std::nullopt;
  }
  return std::chrono::seconds(seconds);
}

}  // namespace weir
