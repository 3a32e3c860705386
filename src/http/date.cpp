#include "weir/http/date.hpp"

#include <array>
#include <cstddef>
#include <limits>

namespace weir {
namespace {

// Not strftime: names of days and months would follow the locale.
constexpr std::string_view days = "SunMonTueWedThuFriSat";
constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct DateText {
  std::time_t second = std::numeric_limits<std::time_t>::min();
  std::array<char, 29> text{'d', 'd', 'd', ',', ' ', '0', '0', ' ', 'm', 'm',
                            'm', ' ', '0', '0', '0', '0', ' ', '0', '0', ':',
                            '0', '0', ':', '0', '0', ' ', 'G', 'M', 'T'};

  void put(std::size_t at, std::string_view name) noexcept { name.copy(&text[at], name.size()); }
  void put(std::size_t at, int two_digits) noexcept {
    text[at] = static_cast<char>('0' + two_digits / 10);
    text[at + 1] = static_cast<char>('0' + two_digits % 10);
  }
};

}  // namespace

std::string_view http_date(std::time_t now) noexcept {
  thread_local DateText date;
  if (date.second != now) {
    std::tm utc{};
    gmtime_r(&now, &utc);
    date.put(0, days.substr(static_cast<std::size_t>(utc.tm_wday) * 3, 3));
    date.put(5, utc.tm_mday);
    date.put(8, months.substr(static_cast<std::size_t>(utc.tm_mon) * 3, 3));
    const int year = utc.tm_year + 1900;
    date.put(12, year / 100);
    date.put(14, year % 100);
    date.put(17, utc.tm_hour);
    date.put(20, utc.tm_min);
    date.put(23, utc.tm_sec);
    date.second = now;
  }
  return {date.text.data(), date.text.size()};
}

}  // namespace weir
