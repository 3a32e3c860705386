// A JOSE signature of ECDSA (r and s, each as wide as the curve's order, RFC 7518 section 3.4) as
// the DER that OpenSSL reads. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace weir::auth {

class EcdsaDer {
 public:
  // False unless `raw` is exactly two numbers of `half` bytes (at most 66), neither of them zero:
  // zeros pass for a signature of anything where the arithmetic is trusting (CVE-2022-21449).
  bool assign(std::string_view raw, std::size_t half) noexcept {
    if (raw.size() != 2 * half || half > 66) return false;
    const std::string_view r = without_zeros(raw.substr(0, half));
    const std::string_view s = without_zeros(raw.substr(half));
    if (r.empty() || s.empty()) return false;
    const std::size_t content = 4 + width(r) + width(s);
    size_ = 0;
    put(0x30);
    if (content > 127) put(0x81);
    put(static_cast<unsigned>(content));
    put_number(r);
    put_number(s);
    return true;
  }
  // Valid until the next assign().
  std::string_view view() const noexcept { return {der_.data(), size_}; }

 private:
  static std::string_view without_zeros(std::string_view number) noexcept {
    number.remove_prefix(std::min(number.find_first_not_of('\0'), number.size()));
    return number;
  }
  static bool needs_zero(std::string_view number) noexcept {
    return (static_cast<unsigned char>(number.front()) & 0x80) != 0;
  }
  static std::size_t width(std::string_view number) noexcept {
    return number.size() + (needs_zero(number) ? 1 : 0);
  }
  void put(unsigned byte) noexcept { der_[size_++] = static_cast<char>(byte); }
  void put_number(std::string_view number) noexcept {
    put(0x02);
    put(static_cast<unsigned>(width(number)));
    if (needs_zero(number)) put(0);
    size_ += number.copy(der_.data() + size_, number.size());
  }

  std::array<char, 3 + 2 * (2 + 67)> der_{};
  std::size_t size_ = 0;
};

}  // namespace weir::auth
