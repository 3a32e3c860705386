#include <algorithm>
#include <array>

#include "weir/config/problem.hpp"

namespace weir::config {
namespace {

// In the order of WarningName, without `none`.
constexpr std::array<std::string_view, 27> names{
    "admin-without-token",
    "caller-memory",
    "certificate-ends-soon",
    "certificate-expired",
    "certificate-not-yet-valid",
    "client-chosen-key",
    "dead-route",
    "doubled-brace",
    "foreign-variable",
    "hsts-preload",
    "ipv6-only",
    "logged-token",
    "lost-field",
    "no-effect",
    "no-time-limit",
    "ocsp-missing",
    "ocsp-out-of-date",
    "plain-regex",
    "plain-text",
    "regex-without-end",
    "repeated-middleware",
    "star-in-path",
    "unknown-allow",
    "unused-allow",
    "unused-middleware",
    "unused-upstream",
    "zero-weight",
};
static_assert(names.size() == static_cast<std::size_t>(WarningName::zero_weight));

}  // namespace

std::string_view to_text(WarningName name) noexcept {
  return name == WarningName::none ? "" : names[static_cast<std::size_t>(name) - 1];
}

std::span<const std::string_view> warning_names() noexcept { return names; }

std::optional<WarningName> parse_warning_name(std::string_view text) noexcept {
  const auto found = std::ranges::find(names, text);
  if (found == names.end()) return std::nullopt;
  return static_cast<WarningName>(found - names.begin() + 1);
}

bool depends_on_surroundings(WarningName name) noexcept {
  return name == WarningName::caller_memory || name == WarningName::certificate_ends_soon ||
         name == WarningName::certificate_expired ||
         name == WarningName::certificate_not_yet_valid || name == WarningName::ocsp_missing ||
         name == WarningName::ocsp_out_of_date;
}

}  // namespace weir::config
