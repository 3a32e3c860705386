#include "app/live/tail_filter.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "app/terminal.hpp"
#include "weir/base/reason.hpp"
#include "weir/base/text.hpp"
#include "weir/config/duration.hpp"

namespace weir::app {
namespace {

constexpr std::string_view any_reason = "any";

std::string in_quotes(std::string_view text) { return "'" + printable(text) + "'"; }

// What is wrong with the name of a reason; nothing for a known one.
std::optional<std::string> wrong_reason(const std::string& text) {
  std::vector<std::string_view> known{any_reason};
  for (std::size_t i = 1; i < reason_count; ++i) known.push_back(name(static_cast<Reason>(i)));
  if (std::ranges::find(known, text) != known.end()) return std::nullopt;
  const std::string_view near = nearest(text, known);
  return "--reason: there is no reason " + in_quotes(text) +
         (near.empty() ? "; docs/operations.md lists them, and 'any' means any of them"
                       : " (did you mean '" + std::string(near) + "'?)");
}

bool is_any_of(const std::vector<std::string>& wanted, std::string_view text) {
  return wanted.empty() || std::ranges::find(wanted, text) != wanted.end();
}

}  // namespace

std::expected<TailFilter::StatusRange, std::string> TailFilter::parse_status(
    std::string_view text) {
  if (text.size() == 3 && text[0] >= '1' && text[0] <= '5') {
    const int hundreds = (text[0] - '0') * 100;
    if (iequals(text.substr(1), "xx")) return StatusRange{hundreds, hundreds + 99};
    if (const auto number = parse_decimal(text)) {
      const int status = static_cast<int>(*number);
      return StatusRange{status, status};
    }
  }
  return std::unexpected("--status: " + in_quotes(text) +
                         " is not a status of 100 to 599 or a class such as 5xx");
}

std::expected<TailFilter, std::string> TailFilter::parse(TailFilterText text) {
  TailFilter out;
  for (const std::string& status : text.status) {
    const auto range = parse_status(status);
    if (!range) return std::unexpected(range.error());
    out.status_.push_back(*range);
  }
  for (const std::string& reason : text.reason) {
    if (auto wrong = wrong_reason(reason)) return std::unexpected(std::move(*wrong));
  }
  if (!text.slow.empty()) {
    const auto slow = config::parse_duration(text.slow);
    if (!slow) return std::unexpected("--slow: " + slow.error());
    out.slow_ms_ = std::chrono::duration<double, std::milli>(*slow).count();
  }
  out.text_ = std::move(text);
  return out;
}

bool TailFilter::passes(const LoggedRequest& request) const {
  const auto in_range = [&](const StatusRange& range) {
    return request.status >= range.first && request.status <= range.last;
  };
  if (!status_.empty() && std::ranges::none_of(status_, in_range)) return false;
  if (!is_any_of(text_.route, request.route.empty() ? "-" : request.route)) return false;
  const bool any = std::ranges::find(text_.reason, any_reason) != text_.reason.end();
  if (any ? request.reason.empty() : !is_any_of(text_.reason, request.reason)) return false;
  const auto begins = [&](const std::string& prefix) { return request.path.starts_with(prefix); };
  if (!text_.path.empty() && std::ranges::none_of(text_.path, begins)) return false;
  const auto is_method = [&](const std::string& method) { return iequals(method, request.method); };
  if (!text_.method.empty() && std::ranges::none_of(text_.method, is_method)) return false;
  return request.duration_ms >= slow_ms_;
}

}  // namespace weir::app
