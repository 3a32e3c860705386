#include <idn2.h>

#include <algorithm>
#include <memory>
#include <string>

#include "config/checks.hpp"
#include "config/scalars.hpp"

namespace weir::config {

std::string ascii_form_hint(std::string_view text) {
  const auto beyond_ascii = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
  if (std::ranges::none_of(text, beyond_ascii) || text.contains('\0')) return "";
  constexpr std::string_view star = "*.";
  const bool wildcard = text.starts_with(star);
  const std::string_view behind_star = text.substr(wildcard ? star.size() : 0);
  const std::string name(behind_star.substr(0, behind_star.find(':')));
  const std::string_view port = behind_star.substr(name.size());
  char* converted = nullptr;
  // As browsers do it today (UTS 46, non-transitional).
  if (idn2_to_ascii_8z(name.c_str(), &converted, IDN2_NONTRANSITIONAL) != IDN2_OK) return "";
  const std::unique_ptr<char, decltype(&idn2_free)> owner(converted, idn2_free);
  if (!is_host_name(converted)) return "";
  std::string form(wildcard ? star : "");
  form.append(converted).append(port);
  return " (did you mean " + in_quotes(form) + "?)";
}

}  // namespace weir::config
