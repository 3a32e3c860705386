#include "config/problems.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "weir/base/text.hpp"

namespace weir::config {
namespace {

constexpr std::size_t most_problems = 1000;
constexpr std::size_t most_suggestions = 50;
constexpr std::size_t longest_word = 64;
constexpr std::size_t most_known = 12;

void add(std::vector<Problem>& problems, Place place, std::string path, std::string message,
         WarningName name) {
  if (problems.size() >= most_problems) return;
  // A problem is a line, also where the YAML library repeats what it choked on.
  for (char& c : message) c = static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  problems.push_back({std::move(place), std::move(path), std::move(message), name});
}

auto order(const Problem& problem) {
  return std::tie(problem.place.file, problem.place.line, problem.place.column, problem.path,
                  problem.message);
}

}  // namespace

void Problems::error(Place place, std::string path, std::string message) {
  add(errors_, std::move(place), std::move(path), std::move(message), WarningName::none);
}

void Problems::warning(WarningName name, Place place, std::string path, std::string message) {
  add(warnings_, std::move(place), std::move(path), std::move(message), name);
}

void Problems::forget_errors(std::size_t count, std::string_view path) {
  const auto since = errors_.begin() + static_cast<std::ptrdiff_t>(std::min(count, errors_.size()));
  const auto [kept, end] =
      std::ranges::remove(since, errors_.end(), path,
                          [](const Problem& each) -> const std::string& { return each.path; });
  errors_.erase(kept, end);
}

std::string_view Problems::nearest_word(std::string_view word,
                                        std::span<const std::string_view> known) const {
  if (errors_.size() >= most_suggestions || word.size() > longest_word) return "";
  return nearest(word, known);
}

std::string Problems::did_you_mean(std::string_view word,
                                   std::span<const std::string_view> known) const {
  const std::string_view near = nearest_word(word, known);
  return near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near);
}

std::string Problems::known_words(std::span<const std::string_view> known) const {
  if (known.empty() || errors_.size() >= most_suggestions) return "";
  const std::size_t more = known.size() > most_known ? known.size() - most_known : 0;
  const std::string rest = more == 0 ? "" : fmt::format(" and {} more", more);
  return fmt::format(" (known: {}{})", fmt::join(known.first(known.size() - more), ", "), rest);
}

std::string Problems::known_words(std::string_view word,
                                  std::span<const std::string_view> known) const {
  std::string near = did_you_mean(word, known);
  return near.empty() ? known_words(known) : near;
}

void sort_problems(std::vector<Problem>& problems) {
  std::ranges::sort(problems, {}, order);
  // An alias is read once for each place that names it, and is wrong at its anchor each time.
  const auto twice = std::ranges::unique(problems, [](const Problem& a, const Problem& b) {
    return a.place.file == b.place.file && a.place.line == b.place.line &&
           a.place.column == b.place.column && a.message == b.message;
  });
  problems.erase(twice.begin(), twice.end());
}

std::vector<Problem> Problems::take_errors() {
  sort_problems(errors_);
  return std::exchange(errors_, {});
}

std::vector<Problem> Problems::take_warnings() {
  sort_problems(warnings_);
  return std::exchange(warnings_, {});
}

}  // namespace weir::config
