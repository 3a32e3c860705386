#include "config/reader.hpp"

#include <fmt/format.h>

#include "config/document.hpp"

namespace weir::config {

std::string key_path(const std::string& path, std::string_view key) {
  const std::string printed = is_name(key) ? std::string(key) : in_quotes(key);
  return path.empty() ? printed : path + "." + printed;
}

std::string item_path(const std::string& path, std::size_t index) {
  return fmt::format("{}[{}]", path, index);
}

Reader::Reader(LoadContext& context, YAML::Node node, const std::string& file, std::string path,
               Place key_place)
    : context_(&context),
      node_(node),
      path_(std::move(path)),
      place_(place_of_node(node_, file)),
      key_place_(std::move(key_place)) {
  // The YAML library places a value that is not there at whatever comes next.
  if (is_null() && place_.line != key_place_.line) place_ = key_place_;
}

Place Reader::place_of_node(const YAML::Node& node, const std::string& file) {
  return node ? place_of(node.Mark(), file) : Place{file, 0, 0};
}

void Reader::error(std::string message) const {
  context_->problems.error(place_, path_, std::move(message));
}

void Reader::key_error(std::string message) const {
  context_->problems.error(key_place_, path_, std::move(message));
}

void Reader::warning(std::string message) const {
  context_->problems.warning(place_, path_, std::move(message));
}

const char* Reader::kind() const {
  if (is_null()) return "nothing";
  if (is_list()) return "a list";
  return is_map() ? "a mapping" : "text";
}

std::optional<std::string> Reader::text() const {
  if (!is_text()) {
    error(is_null() ? "has no value; write one or remove the key"
                    : fmt::format("expected one value, got {}", kind()));
    return std::nullopt;
  }
  auto expanded = expand_environment(node_.Scalar());
  if (expanded) return std::move(*expanded);
  error(std::move(expanded.error()));
  return std::nullopt;
}

void Reader::each_item(const std::function<void(Reader)>& fn) const {
  if (!is_list()) {
    error(fmt::format("expected a list, got {}", kind()));
    return;
  }
  std::size_t index = 0;
  for (const auto& item : node_)
    fn(Reader(*context_, item, place_.file, item_path(path_, index++)));
}

void Reader::each_entry(const std::function<void(const std::string&, Reader)>& fn) const {
  if (!is_map()) {
    error(fmt::format("expected a mapping, got {}", kind()));
    return;
  }
  for (const auto& entry : node_) {
    const std::string& key = entry.first.Scalar();
    fn(key, Reader(*context_, entry.second, place_.file, key_path(path_, key),
                   place_of(entry.first.Mark(), place_.file)));
  }
}

}  // namespace weir::config
