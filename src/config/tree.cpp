#include "config/tree.hpp"

#include <algorithm>
#include <array>

#include "weir/base/text.hpp"

namespace weir::config {
namespace {

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_json_escaped(out, text);
  out += '"';
}

// Whether every YAML reader takes the bare text for this very text.
bool is_plain_yaml(std::string_view text) {
  constexpr std::array<std::string_view, 9> reserved{"null", "true", "false", "on", "off",
                                                     "yes",  "no",   "y",     "n"};
  if (text.empty() || !(is_alpha(text.front()) || is_digit(text.front()) || text.front() == '/')) {
    return false;
  }
  const auto plain = [](char c) {
    return is_alpha(c) || is_digit(c) || std::string_view("_./%-").contains(c);
  };
  const auto numeric = [](char c) {
    return is_digit(c) || std::string_view(".+-eExXo_").contains(c);
  };
  return std::ranges::all_of(text, plain) && !std::ranges::all_of(text, numeric) &&
         std::ranges::none_of(reserved, [&](std::string_view word) { return iequals(word, text); });
}

void append_yaml_text(std::string& out, std::string_view text) {
  if (is_plain_yaml(text)) {
    out += text;
  } else {
    append_quoted(out, text);
  }
}

}  // namespace

Tree Tree::map(std::initializer_list<Entry> entries) {
  Tree out(Map{});
  for (const Entry& entry : entries) out.set(entry.first, entry.second);
  return out;
}

void Tree::push(Tree value) {
  if (!value.is_nothing()) std::get<List>(value_).push_back(std::move(value));
}

void Tree::set(std::string_view key, Tree value) {
  if (!value.is_nothing()) std::get<Map>(value_).emplace_back(key, std::move(value));
}

const Tree* Tree::find(std::string_view key) const noexcept {
  const Map* map = std::get_if<Map>(&value_);
  if (map == nullptr) return nullptr;
  const auto found = std::ranges::find(*map, key, &Entry::first);
  return found == map->end() ? nullptr : &found->second;
}

std::vector<std::string_view> Tree::keys() const {
  std::vector<std::string_view> out;
  if (const Map* map = std::get_if<Map>(&value_)) {
    for (const Entry& entry : *map) out.push_back(entry.first);
  }
  return out;
}

std::string Tree::to_json() const {
  std::string out;
  append_json(out, 0);
  out += '\n';
  return out;
}

void Tree::append_json(std::string& out, std::size_t indent) const {
  const auto newline = [&](std::size_t depth) { out.append("\n").append(depth * 2, ' '); };
  if (is_nothing() || std::holds_alternative<std::nullptr_t>(value_)) {
    out += "null";
  } else if (const bool* flag = std::get_if<bool>(&value_)) {
    out += *flag ? "true" : "false";
  } else if (const std::int64_t* number = std::get_if<std::int64_t>(&value_)) {
    out += std::to_string(*number);
  } else if (const std::string* text = std::get_if<std::string>(&value_)) {
    append_quoted(out, *text);
  } else if (const List* list = std::get_if<List>(&value_)) {
    out += '[';
    for (const Tree& item : *list) {
      if (&item != &list->front()) out += ',';
      newline(indent + 1);
      item.append_json(out, indent + 1);
    }
    if (!list->empty()) newline(indent);
    out += ']';
  } else {
    const Map& map = std::get<Map>(value_);
    out += '{';
    for (const Entry& entry : map) {
      if (&entry != &map.front()) out += ',';
      newline(indent + 1);
      append_quoted(out, entry.first);
      out += ": ";
      entry.second.append_json(out, indent + 1);
    }
    if (!map.empty()) newline(indent);
    out += '}';
  }
}

std::string Tree::to_yaml() const {
  std::string out;
  append_yaml(out, 0);
  if (!out.ends_with('\n')) out += '\n';
  return out;
}

// Writes from where the cursor stands; a collection's first item goes there, too.
void Tree::append_yaml(std::string& out, std::size_t indent) const {
  const auto nested = [](const Tree& tree) {
    const List* list = std::get_if<List>(&tree.value_);
    const Map* map = std::get_if<Map>(&tree.value_);
    return (list != nullptr && !list->empty()) || (map != nullptr && !map->empty());
  };
  if (!nested(*this)) {
    if (const std::string* text = std::get_if<std::string>(&value_)) {
      append_yaml_text(out, *text);
    } else {
      append_json(out, 0);
    }
    return;
  }
  bool first = true;
  const auto start_line = [&] {
    if (!first) {
      if (!out.ends_with('\n')) out += '\n';
      out.append(indent * 2, ' ');
    }
    first = false;
  };
  if (const List* list = std::get_if<List>(&value_)) {
    for (const Tree& item : *list) {
      start_line();
      out += "- ";
      item.append_yaml(out, indent + 1);
    }
    return;
  }
  for (const Entry& entry : std::get<Map>(value_)) {
    start_line();
    append_yaml_text(out, entry.first);
    out += ':';
    if (nested(entry.second)) {
      out.append("\n").append((indent + 1) * 2, ' ');
    } else {
      out += ' ';
    }
    entry.second.append_yaml(out, indent + 1);
  }
}

}  // namespace weir::config
