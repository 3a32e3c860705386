#include "config/reader.hpp"

#include <fmt/format.h>

#include "config/foreign_words.hpp"

namespace weir::config {

std::string key_path(const std::string& path, std::string_view key) {
  const std::string printed = is_name(key) ? std::string(key) : in_quotes(key);
  return path.empty() ? printed : path + "." + printed;
}

std::string item_path(const std::string& path, std::size_t index) {
  return fmt::format("{}[{}]", path, index);
}

Reader::Reader(LoadContext& context, YAML::Node node, const SourceText& source, std::string path,
               Place key_place)
    : context_(&context),
      source_(&source),
      node_(node),
      path_(std::move(path)),
      place_(place_of_node(node_, source)),
      key_place_(std::move(key_place)) {
  // The YAML library places a value that is not there at whatever comes next.
  if (is_null() && place_.line != key_place_.line) place_ = key_place_;
}

Place Reader::place_of_node(const YAML::Node& node, const SourceText& source) {
  return node ? source.place_of(node.Mark()) : source.beginning();
}

void Reader::error(std::string message) const {
  context_->problems.error(place_, path_, std::move(message));
}

void Reader::key_error(std::string message) const {
  context_->problems.error(key_place_, path_, std::move(message));
}

void Reader::warning(WarningName name, std::string message) const {
  context_->problems.warning(name, place_, path_, std::move(message));
}

bool Reader::may_name_files() const {
  if (!context_->is_foreign) return true;
  error("a document from elsewhere may not name files or sockets of this machine");
  return false;
}

const char* Reader::kind() const {
  if (is_null()) return "nothing";
  if (is_list()) return "a list";
  return is_map() ? "a mapping" : "text";
}

void Reader::wrong_shape(std::string_view expected) const {
  const std::string_view remedy = shape_remedy(path_);
  error(
      fmt::format("expected {}, got {}{}{}", expected, kind(), remedy.empty() ? "" : "; ", remedy));
}

std::optional<std::string> Reader::text() const {
  if (!is_text()) {
    error(is_null() ? "has no value; write one or remove the key"
                    : fmt::format("expected one value, got {}", kind()));
    return std::nullopt;
  }
  if (!context_->expands) return node_.Scalar();
  auto expanded = expand_environment(node_.Scalar());
  if (expanded) return std::move(*expanded);
  error(std::move(expanded.error()));
  return std::nullopt;
}

void Reader::each_item(const std::function<void(Reader)>& fn) const {
  if (!is_list()) {
    return wrong_shape("a list");
  }
  std::size_t index = 0;
  for (const auto& item : node_) fn(Reader(*context_, item, *source_, item_path(path_, index++)));
}

void Reader::each_item_or_text(const std::function<void(Reader)>& fn) const {
  is_text() ? fn(*this) : each_item(fn);
}

void Reader::each_entry(const std::function<void(const std::string&, Reader)>& fn) const {
  if (!is_map()) {
    return wrong_shape("a mapping");
  }
  for (const auto& entry : node_) {
    const std::string& key = entry.first.Scalar();
    fn(key, Reader(*context_, entry.second, *source_, key_path(path_, key),
                   source_->place_of(entry.first.Mark())));
  }
}

}  // namespace weir::config
