#include "route/path_pattern.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "weir/base/text.hpp"
#include "weir/http/url_path.hpp"
#include "weir/route/route_table.hpp"

namespace weir::route {
namespace {

std::vector<PathPattern::Segment> split(std::string_view path, bool with_params) {
  std::vector<PathPattern::Segment> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view text = path.substr(0, end);
    segments.push_back({std::string(text), with_params && text.starts_with('{'),
                        text.find(';') != std::string_view::npos});
    path.remove_prefix(end);
  }
  return segments;
}

// Whether an expression speaks of a semicolon, as RE2 spells one.
bool names_semicolon(const std::string& expression) {
  constexpr std::array<std::string_view, 5> spellings{";", "%3b", "\\x3b", "\\x{3b}", "\\073"};
  const std::string lower = to_lower(expression);
  return std::ranges::any_of(spellings, [&](std::string_view one) { return lower.contains(one); });
}

// The first segment of `path`, which is taken off it. REQUIRES: it starts with '/'.
std::string_view take_segment(std::string_view& path) noexcept {
  const std::size_t end = std::min(path.find('/', 1), path.size());
  const std::string_view segment = path.substr(1, end - 1);
  path.remove_prefix(end);
  return segment;
}

}  // namespace

std::expected<PathPattern, std::string> PathPattern::parse(const config::Match& match) {
  PathPattern pattern;
  if (match.path_kind == config::PathKind::any) return pattern;
  if (match.path_kind == config::PathKind::regex) {
    auto expression = Expression::compile(match.path);
    if (!expression) return std::unexpected("path_regex: " + expression.error());
    pattern.rank_ = Rank::regex;
    pattern.has_parameters_ = names_semicolon(match.path);
    pattern.expression_ = std::move(*expression);
    return pattern;
  }
  const bool exact = match.path_kind == config::PathKind::exact;
  const std::string key = exact ? "path: " : "path_prefix: ";
  Arena arena;
  const auto normal = normalise_path(match.path, true, arena);
  if (!normal) return std::unexpected(key + std::string(normal.error()));
  std::string_view path = decode_semicolons(normal->path, arena);
  if (!exact && path.ends_with('/')) path.remove_suffix(1);
  pattern.segments_ = split(path, exact);
  pattern.has_parameters_ = std::ranges::any_of(pattern.segments_, &Segment::has_parameters);
  const auto params = std::ranges::count_if(pattern.segments_, &Segment::is_param);
  if (std::cmp_greater(params, max_path_params)) {
    return std::unexpected(key + "more than " + std::to_string(max_path_params) + " parameters");
  }
  pattern.rank_ = !exact ? Rank::prefix : params > 0 ? Rank::params : Rank::exact;
  return pattern;
}

bool PathPattern::matches(const Query& query, Match& match) const noexcept {
  match.param_count = 0;
  if (expression_) {
    if (!has_parameters_ || query.full_path.empty()) return expression_->matches(query.path);
    // It may be written either way.
    return expression_->matches(query.full_path) || expression_->matches(query.sent_path);
  }
  std::string_view path = query.path;
  std::string_view full = query.full_path.empty() ? path : query.full_path;
  for (const Segment& segment : segments_) {
    if (path.empty()) return false;
    const std::string_view name = take_segment(path);
    const std::string_view whole = take_segment(full);
    if (segment.is_param) {
      if (name.empty()) return false;
      match.params[match.param_count++] = name;
    } else if ((segment.has_parameters ? whole : name) != segment.text) {
      return false;
    }
  }
  return rank_ == Rank::prefix || path.empty();
}

std::string PathPattern::to_string(const config::Match& match) const {
  switch (match.path_kind) {
    case config::PathKind::any:
      return "any path";
    case config::PathKind::exact:
      return "path " + match.path;
    case config::PathKind::prefix:
      return "path_prefix " + match.path;
    case config::PathKind::regex:
      break;
  }
  return "path_regex " + match.path;
}

std::weak_ordering operator<=>(const PathPattern& a, const PathPattern& b) noexcept {
  if (a.rank_ != b.rank_) return a.rank_ <=> b.rank_;
  if (a.rank_ == PathPattern::Rank::regex) return std::weak_ordering::equivalent;
  if (a.rank_ == PathPattern::Rank::prefix && a.segments_.size() != b.segments_.size()) {
    return b.segments_.size() <=> a.segments_.size();
  }
  return std::lexicographical_compare_three_way(
      a.segments_.begin(), a.segments_.end(), b.segments_.begin(), b.segments_.end(),
      [](const PathPattern::Segment& x, const PathPattern::Segment& y) -> std::weak_ordering {
        if (x.is_param != y.is_param) return x.is_param <=> y.is_param;
        if (x.has_parameters != y.has_parameters) return y.has_parameters <=> x.has_parameters;
        return x.is_param ? std::weak_ordering::equivalent : x.text <=> y.text;
      });
}

}  // namespace weir::route
