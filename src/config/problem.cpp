#include "weir/config/problem.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/tree.hpp"

namespace weir::config {
namespace {

constexpr std::string_view suggestion = " (did you mean ";

// The first "; " that does not stand within quotes.
std::size_t semicolon(std::string_view message) noexcept {
  char quote = '\0';
  for (std::size_t i = 0; i < message.size(); ++i) {
    const char c = message[i];
    if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '`' || (c == '\'' && (i == 0 || message[i - 1] == ' '))) {
      quote = c;
    } else if (message.substr(i).starts_with("; ")) {
      return i;
    }
  }
  return std::string_view::npos;
}

Tree json_of(const Problem& problem) {
  const std::string_view remedy = problem.remedy();
  const bool somewhere = !problem.place.file.empty();
  Tree out = Tree::map();
  out.set("file", somewhere ? Tree(problem.place.file) : Tree(nullptr));
  out.set("line", somewhere ? Tree(std::int64_t{problem.place.line} + 1) : Tree(nullptr));
  out.set("column", somewhere ? Tree(std::int64_t{problem.place.column} + 1) : Tree(nullptr));
  out.set("key", problem.path.empty() ? Tree(nullptr) : Tree(problem.path));
  out.set("severity", problem.is_warning() ? "warning" : "error");
  out.set("name", problem.is_warning() ? Tree(to_text(problem.name)) : Tree(nullptr));
  out.set("message", problem.message);
  out.set("remedy", remedy.empty() ? Tree(nullptr) : Tree(remedy));
  return out;
}

}  // namespace

std::string to_string(const Place& place) {
  return fmt::format("{}:{}:{}", place.file, place.line + 1, place.column + 1);
}

std::string Problem::to_string() const {
  // What is wrong with none of the files (no memory, a shutdown) has no place.
  std::string out = place.file.empty() ? "" : config::to_string(place) + ": ";
  if (!path.empty()) out += path + ": ";
  out += message;
  if (is_warning()) out += fmt::format(" [{}]", to_text(name));
  return out;
}

std::string_view Problem::remedy() const noexcept {
  const std::string_view all = message;
  if (const std::size_t at = semicolon(all); at != std::string_view::npos)
    return all.substr(at + 2);
  const std::size_t at = all.rfind(suggestion);
  if (at == std::string_view::npos || !all.ends_with(')')) return {};
  return all.substr(at + 2, all.size() - at - 3);
}

std::string to_json(std::string_view file, std::span<const Problem> problems) {
  Tree list = Tree::list();
  for (const Problem& each : problems) list.push(json_of(each));
  Tree out = Tree::map();
  out.set("file", file);
  out.set("valid", std::ranges::all_of(problems, &Problem::is_warning));
  out.set("problems", std::move(list));
  return out.to_json();
}

}  // namespace weir::config
