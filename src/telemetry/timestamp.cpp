#include "telemetry/timestamp.hpp"

#include <cstring>
#include <string_view>

#include "telemetry/digits.hpp"

namespace weir::telemetry {

void Timestamp::keep(std::chrono::sys_seconds second) noexcept {
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const auto day = std::chrono::floor<std::chrono::days>(second);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{second - day};
  const auto year = static_cast<unsigned>(static_cast<int>(date.year())) % 10000;
  const auto month = static_cast<unsigned>(date.month());
  const auto hour = static_cast<unsigned>(clock.hours().count());
  const auto minute = static_cast<unsigned>(clock.minutes().count());
  const auto seconds = static_cast<unsigned>(clock.seconds().count());

  std::memcpy(iso_.data(), "0000-00-00T00:00:00.", iso_.size());
  put_2_digits(&iso_[0], year / 100);
  put_2_digits(&iso_[2], year % 100);
  put_2_digits(&iso_[5], month);
  put_2_digits(&iso_[8], static_cast<unsigned>(date.day()));
  put_2_digits(&iso_[11], hour);
  put_2_digits(&iso_[14], minute);
  put_2_digits(&iso_[17], seconds);

  std::memcpy(common_.data(), "00/Jan/0000:00:00:00 +0000", common_.size());
  put_2_digits(&common_[0], static_cast<unsigned>(date.day()));
  std::memcpy(&common_[3], months.data() + std::size_t{3} * (month - 1), 3);
  put_2_digits(&common_[7], year / 100);
  put_2_digits(&common_[9], year % 100);
  put_2_digits(&common_[12], hour);
  put_2_digits(&common_[15], minute);
  put_2_digits(&common_[18], seconds);
  second_ = second;
}

char* Timestamp::with_fraction(char* out, WallTime time, int digits) noexcept {
  auto second = second_;
  if (time < second || time - second >= std::chrono::seconds(1)) {
    second = std::chrono::floor<std::chrono::seconds>(time);
    keep(second);
  }
  std::memcpy(out, iso_.data(), iso_.size());
  out += iso_.size();
  const auto micros = static_cast<unsigned>((time - second).count());
  out = digits == 6 ? put_6_digits(out, micros) : put_3_digits(out, micros / 1000);
  *out++ = 'Z';
  return out;
}

char* Timestamp::common_log(char* out, WallTime time) noexcept {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  if (second != second_) keep(second);
  std::memcpy(out, common_.data(), common_.size());
  return out + common_.size();
}

}  // namespace weir::telemetry
