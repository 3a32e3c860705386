#include "proxy/fault_fields.hpp"

#include "weir/base/text.hpp"

namespace weir::proxy {

std::optional<Duration> parse_fault_delay(std::string_view text) noexcept {
  constexpr Duration longest = std::chrono::minutes(1);
  Duration unit = std::chrono::milliseconds(1);
  if (text.ends_with("ms")) {
    text.remove_suffix(2);
  } else if (text.ends_with('s')) {
    text.remove_suffix(1);
    unit = std::chrono::seconds(1);
  }
  const auto value = parse_decimal(text);
  if (!value || *value > static_cast<std::uint64_t>(longest / unit)) return std::nullopt;
  return static_cast<Duration::rep>(*value) * unit;
}

std::optional<int> parse_fault_status(std::string_view text) noexcept {
  const auto value = parse_decimal(text);
  if (!value || *value < 200 || *value > 599) return std::nullopt;
  return static_cast<int>(*value);
}

}  // namespace weir::proxy
