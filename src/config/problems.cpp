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

void add(std::vector<Problem>& problems, Place place, std::string path, std::string message) {
  if (problems.size() >= most_problems) return;
  // A problem is a line, also where the YAML library repeats what it choked on.
  for (char& c : message) c = static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  problems.push_back({std::move(place), std::move(path), std::move(message)});
}

auto order(const Problem& problem) {
  return std::tie(problem.place.file, problem.place.line, problem.place.column, problem.path,
                  problem.message);
}

std::vector<Problem> sorted(std::vector<Problem> problems) {
  std::ranges::sort(problems, {}, order);
  // An alias is read once for each place that names it, and is wrong at its anchor each time.
  const auto twice = std::ranges::unique(problems, [](const Problem& a, const Problem& b) {
    return a.place.file == b.place.file && a.place.line == b.place.line &&
           a.place.column == b.place.column && a.message == b.message;
  });
  problems.erase(twice.begin(), twice.end());
  return problems;
}

}  // namespace

std::string to_string(const Place& place) {
  return fmt::format("{}:{}:{}", place.file, place.line + 1, place.column + 1);
}

std::string Problem::to_string() const {
  // What is wrong with none of the files (no memory, a shutdown) has no place.
  const std::string where = place.file.empty() ? "" : config::to_string(place) + ": ";
  return path.empty() ? where + message : where + path + ": " + message;
}

void Problems::error(Place place, std::string path, std::string message) {
  add(errors_, std::move(place), std::move(path), std::move(message));
}

void Problems::warning(Place place, std::string path, std::string message) {
  add(warnings_, std::move(place), std::move(path), std::move(message));
}

std::string Problems::did_you_mean(std::string_view word,
                                   std::span<const std::string_view> known) const {
  if (errors_.size() >= most_suggestions || word.size() > longest_word) return "";
  const std::string_view near = nearest(word, known);
  return near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near);
}

std::string Problems::known_words(std::string_view word,
                                  std::span<const std::string_view> known) const {
  std::string near = did_you_mean(word, known);
  if (!near.empty() || errors_.size() >= most_suggestions) return near;
  return fmt::format(" (known: {})", fmt::join(known, ", "));
}

std::vector<Problem> Problems::take_errors() { return sorted(std::exchange(errors_, {})); }
std::vector<Problem> Problems::take_warnings() { return sorted(std::exchange(warnings_, {})); }

}  // namespace weir::config
