// What is wrong with a configuration, or what its user should know of it. Plain values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/config/place.hpp"

namespace weir::config {

// "weir.yaml:14:7": what is told to a person counts from 1, as editors do; the beginning of the
// file when no value is meant.
std::string to_string(const Place& place);

// What a warning is called in messages and in `# weir: allow NAME`; docs/operations.md lists them.
enum class WarningName : std::uint8_t {
  none,  // an error
  admin_without_token,
  caller_memory,
  certificate_ends_soon,
  certificate_expired,
  certificate_not_yet_valid,
  client_chosen_key,
  dead_route,
  doubled_brace,
  foreign_variable,
  hsts_preload,
  ipv6_only,
  logged_token,
  lost_field,
  no_effect,
  no_time_limit,
  ocsp_missing,
  ocsp_out_of_date,
  plain_regex,
  plain_text,
  regex_without_end,
  repeated_middleware,
  star_in_path,
  unknown_allow,
  unused_allow,
  unused_middleware,
  unused_upstream,
  zero_weight,
};

// "dead-route"; "" of none.
std::string_view to_text(WarningName name) noexcept;
// Without `none`.
std::span<const std::string_view> warning_names() noexcept;
std::optional<WarningName> parse_warning_name(std::string_view text) noexcept;
// Whether it may come on one machine or day and not on another, with the same configuration.
bool depends_on_surroundings(WarningName name) noexcept;

struct Problem {
  Place place;
  std::string path;     // "routes[2].upstream"
  std::string message;  // what is wrong; then, behind a ';' or in "(did you mean 'x'?)", the remedy
  WarningName name = WarningName::none;

  bool is_warning() const noexcept { return name != WarningName::none; }
  // One line: "weir.yaml:14:7: routes[2].upstream: unknown upstream 'order-v1' (did you mean
  // 'orders-v1'?)"; of a warning with " [NAME]" at its end.
  std::string to_string() const;
  // The part of the message that says what to do; "" where it does not.
  std::string_view remedy() const noexcept;
};

// All of them as one JSON document: {"file", "valid", "problems": [{"file", "line", "column",
// "key", "severity", "name", "message", "remedy"}]}, lines and columns from 1. `file` is what was
// checked; "valid" is false when one of them is no warning.
std::string to_json(std::string_view file, std::span<const Problem> problems);

// The texts of a configuration's files, by the names that places have.
using SourceTexts = std::map<std::string, std::string, std::less<>>;

// A line of a file for a person, with the place in it.
struct Excerpt {
  std::string line;       // printable: tabs are spaces, secrets are stars; cut around the place
  std::size_t caret = 0;  // columns of a terminal before the place
};
// Nothing where the file is not among the texts or has no such line.
std::optional<Excerpt> excerpt(const SourceTexts& texts, const Place& place);

}  // namespace weir::config
