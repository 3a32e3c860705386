#include "weir/config/changes.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "config/blocks.hpp"
#include "config/differences.hpp"

namespace weir::config {
namespace {

constexpr std::size_t longest_value = 120;

std::string on_one_line(const Tree& tree) {
  if (tree.is_nothing()) return "";
  const std::string json = tree.to_json();
  std::string out;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (json[i] != '\n') {
      out += json[i];
      continue;
    }
    while (i + 1 < json.size() && json[i + 1] == ' ') ++i;
    if (i + 1 < json.size()) out += ' ';
  }
  if (out.size() <= longest_value) return out;
  std::size_t end = longest_value;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
  return out.substr(0, end) + "...";
}

// The entries of a section by name; a list's have a key `name`.
using Entries = std::vector<std::pair<std::string, const Tree*>>;

std::string entry_name(const Tree& entry) {
  const Tree* const name = entry.find("name");
  std::string json = name == nullptr ? std::string() : name->to_json();
  while (!json.empty() && (json.back() == '\n' || json.back() == '"')) json.pop_back();
  if (json.starts_with('"')) json.erase(0, 1);
  return json;
}

Entries entries_of(const Tree& config, std::string_view section) {
  Entries out;
  const Tree* const found = config.find(section);
  if (found == nullptr) return out;
  if (const auto* items = found->items()) {
    for (const Tree& each : *items) out.emplace_back(entry_name(each), &each);
  } else {
    for (const std::string_view key : found->keys()) out.emplace_back(key, found->find(key));
  }
  return out;
}

std::vector<Change::Key> changed_keys(const Tree& before, const Tree& after) {
  std::vector<Change::Key> out;
  for_each_difference(before, after, "",
                      [&](const std::string& path, const Tree& one, const Tree& other) {
                        out.push_back({path, on_one_line(one), on_one_line(other)});
                      });
  return out;
}

void compare_entries(const Entries& before, const Entries& after, const char* of,
                     std::vector<Change>& out) {
  std::unordered_map<std::string_view, const Tree*> old;
  for (const auto& [name, tree] : before) old.emplace(name, tree);
  for (const auto& [name, tree] : after) {
    const auto found = old.find(name);
    if (found == old.end()) {
      out.push_back({Change::Kind::added, of, name, {}});
      continue;
    }
    auto keys = changed_keys(*found->second, *tree);
    old.erase(found);
    if (!keys.empty()) out.push_back({Change::Kind::changed, of, name, std::move(keys)});
  }
  for (const auto& [name, tree] : before) {
    if (old.contains(name)) out.push_back({Change::Kind::removed, of, name, {}});
  }
}

// Names of those that both have.
std::string common_order(const Entries& of, const Entries& other) {
  std::unordered_map<std::string_view, bool> there;
  for (const auto& [name, tree] : other) there.emplace(name, true);
  std::string out;
  for (const auto& [name, tree] : of) {
    if (!there.contains(name)) continue;
    out += out.empty() ? "" : ", ";
    out += name;
  }
  return out;
}

std::string shortened_value(std::string text) {
  if (text.size() > longest_value) text.replace(longest_value, std::string::npos, "...");
  return text;
}

}  // namespace

std::vector<Change> changes(const Config& before, const Config& after) {
  struct Section {
    std::string_view key;
    const char* of;
  };
  constexpr std::array<Section, 5> named{{{"listeners", "listener"},
                                          {"middleware", "middleware"},
                                          {"routes", "route"},
                                          {"upstreams", "upstream"},
                                          {"tests", "test"}}};
  const Tree old = tree_of(before);
  const Tree now = tree_of(after);
  std::vector<Change> out;
  const auto is_named = [&](std::string_view key) {
    return std::ranges::find(named, key, &Section::key) != named.end();
  };
  for (const std::string_view key : now.keys()) {
    const Tree* const was = old.find(key);
    if (is_named(key)) continue;
    if (was == nullptr) {
      out.push_back({Change::Kind::added, std::string(key), "", {}});
      continue;
    }
    if (auto keys = changed_keys(*was, *now.find(key)); !keys.empty()) {
      out.push_back({Change::Kind::changed, std::string(key), "", std::move(keys)});
    }
  }
  for (const std::string_view key : old.keys()) {
    if (is_named(key) || now.find(key) != nullptr) continue;
    out.push_back({Change::Kind::removed, std::string(key), "", {}});
  }
  for (const Section& section : named) {
    const Entries from = entries_of(old, section.key);
    const Entries to = entries_of(now, section.key);
    compare_entries(from, to, section.of, out);
    if (section.key != "routes") continue;
    // Where two routes fit alike, the first one wins.
    std::string was = common_order(from, to);
    std::string is = common_order(to, from);
    if (was == is) continue;
    out.push_back({Change::Kind::changed,
                   "routes",
                   "",
                   {{"order", shortened_value(std::move(was)), shortened_value(std::move(is))}}});
  }
  return out;
}

std::string to_json(const MiddlewareSpec& spec) { return print_middleware(spec).to_json(); }

}  // namespace weir::config
