// Wall-clock time as text. The second's text is kept, since most lines fall into the same one as
// the line before. One thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace weir::telemetry {

using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

class Timestamp {
 public:
  static constexpr std::size_t longest = 32;

  // "2026-01-02T03:04:05.123456Z", RFC 3339. Returns the end of what was written.
  char* rfc3339(char* out, WallTime time) noexcept { return with_fraction(out, time, 6); }
  // The same with milliseconds.
  char* rfc3339_ms(char* out, WallTime time) noexcept { return with_fraction(out, time, 3); }
  // "02/Jan/2026:03:04:05 +0000", as web servers' logs have it.
  char* common_log(char* out, WallTime time) noexcept;

 private:
  char* with_fraction(char* out, WallTime time, int digits) noexcept;
  void keep(std::chrono::sys_seconds second) noexcept;

  std::chrono::sys_seconds second_ = std::chrono::sys_days{std::chrono::year{9999} / 12 / 31};
  std::array<char, 20> iso_{};     // 2026-01-02T03:04:05.
  std::array<char, 26> common_{};  // 02/Jan/2026:03:04:05 +0000
};

}  // namespace weir::telemetry
