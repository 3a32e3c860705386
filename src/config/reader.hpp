// A value of the file while it is read: its node, its place and its path, and where problems go.
// Lives on the stack of the loader; one thread.
#pragma once

#include <yaml-cpp/yaml.h>

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/problems.hpp"
#include "config/scalars.hpp"
#include "config/source_text.hpp"
#include "weir/config/loader.hpp"

namespace weir::config {

std::string key_path(const std::string& path, std::string_view key);  // "path.key"
std::string item_path(const std::string& path, std::size_t index);    // "path[2]"

// A text that was written somewhere, to be looked at again when everything is read.
struct Written {
  std::string text;
  Place place;
  std::string path;
};

struct NamesByKind;

// What all values of one load share.
struct LoadContext {
  Problems& problems;
  std::string folder;  // where relative file names start
  LoadChecks checks = {};
  KeyPlaces* key_places =
      nullptr;                   // where read_fields() notes the place of each value; may be null
  SourceTexts* texts = nullptr;  // receives the texts of further files, for excerpts; may be null
  bool expands = true;           // ${NAME} stands for a variable of the environment
  std::vector<ReadFile>* files = nullptr;  // receives which files were read; may be null
  bool is_foreign = false;            // a document from elsewhere: may name nothing of this machine
  const NamesByKind* only = nullptr;  // as of DocumentText; may be null
};

// The content of a regular file that the configuration names, of at most 1 MiB; or what is wrong
// with it.
std::expected<std::string, std::string> read_named_file(const LoadContext& context,
                                                        const std::string& file);

class Reader {
 public:
  // The source must outlive it.
  Reader(LoadContext& context, const YAML::Node& node, const SourceText& source, std::string path)
      : Reader(context, node, source, std::move(path), place_of_node(node, source)) {}

  LoadContext& context() const noexcept { return *context_; }
  const std::string& path() const noexcept { return path_; }
  const Place& place() const noexcept { return place_; }  // of the value
  const Place& key_place() const noexcept {
    return key_place_;
  }  // of its key, or of the list's item
  Written written(std::string text) const { return {std::move(text), place_, path_}; }

  bool is_text() const { return node_.IsScalar(); }
  bool is_list() const { return node_.IsSequence(); }
  bool is_map() const { return node_.IsMap(); }
  bool has_items() const { return node_.size() != 0; }
  bool is_null() const { return !node_ || node_.IsNull(); }

  void error(std::string message) const;
  void key_error(std::string message) const;  // the key is wrong, not the value
  void warning(WarningName name, std::string message) const;
  // Whether it may name a file or a socket of this machine; reports otherwise.
  bool may_name_files() const;

  // The text with ${NAME} expanded; reports and gives nothing if it is not text.
  std::optional<std::string> text() const;
  // The value of text() through a parser of scalars.hpp, which says what is wrong.
  template <class Parser>
  auto parse(Parser&& parser) const
      -> std::optional<typename std::invoke_result_t<Parser, std::string_view>::value_type> {
    const auto written = text();
    if (!written) return std::nullopt;
    auto parsed = parser(std::string_view(*written));
    if (parsed) return std::move(*parsed);
    error(std::move(parsed.error()));
    return std::nullopt;
  }

  // Calls `fn` for each item or entry; reports if this is no list, or no map.
  void each_item(const std::function<void(Reader)>& fn) const;
  // The same; one text alone is a list of it.
  void each_item_or_text(const std::function<void(Reader)>& fn) const;
  void each_entry(const std::function<void(const std::string& key, Reader)>& fn) const;

 private:
  Reader(LoadContext& context, YAML::Node node, const SourceText& source, std::string path,
         Place key_place);
  static Place place_of_node(const YAML::Node& node, const SourceText& source);
  const char* kind() const;
  void wrong_shape(std::string_view expected) const;

  LoadContext* context_;
  const SourceText* source_;
  YAML::Node node_;
  std::string path_;
  Place place_;
  Place key_place_;
};

}  // namespace weir::config
