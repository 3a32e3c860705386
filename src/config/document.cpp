#include "config/document.hpp"

#include <fmt/format.h>
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>
#include <unordered_set>

#include "config/reader.hpp"
#include "config/scalars.hpp"
#include "weir/base/utf8.hpp"

namespace weir::config {
namespace {

constexpr std::size_t most_nodes = 1'000'000;
constexpr int most_levels = 64;
constexpr const char* too_deep = "more than 64 levels deep";
constexpr const char* too_many_nodes = "more than 1000000 values, counted with aliases followed";

class Walk {
 public:
  Walk(const std::string& file, Problems& problems) : file_(file), problems_(problems) {}

  // False when the rest is not worth looking at.
  bool visit(const YAML::Node& node, const std::string& path, int level) {
    if (++nodes_ > most_nodes) {
      return stop(node, too_many_nodes);
    }
    if (level > most_levels) return stop(node, too_deep);
    const std::string& tag = node.Tag();
    if (!tag.empty() && tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:str") {
      problems_.error(place_of(node.Mark(), file_), path,
                      "tags are not supported; remove " + in_quotes(tag));
    }
    if (node.IsSequence()) {
      std::size_t index = 0;
      for (const auto& item : node) {
        if (!visit(item, item_path(path, index++), level + 1)) return false;
      }
    } else if (node.IsMap()) {
      return visit_map(node, path, level);
    }
    return true;
  }

 private:
  bool visit_map(const YAML::Node& node, const std::string& path, int level) {
    std::unordered_set<std::string_view> keys;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) {
        problems_.error(place_of(entry.first.Mark(), file_), path, "a key must be plain text");
        usable_ = false;
        continue;
      }
      const std::string& key = entry.first.Scalar();
      const std::string inside = key_path(path, key);
      if (key == "<<") {
        problems_.error(place_of(entry.first.Mark(), file_), inside,
                        "merge keys are not supported; write the keys out");
      } else if (!keys.insert(key).second) {
        problems_.error(place_of(entry.first.Mark(), file_), inside, "the key is there twice");
      }
      if (!visit(entry.second, inside, level + 1)) return false;
    }
    return true;
  }

  bool stop(const YAML::Node& node, std::string message) {
    problems_.error(place_of(node.Mark(), file_), "", std::move(message));
    usable_ = false;
    return false;
  }

  const std::string& file_;
  Problems& problems_;
  std::size_t nodes_ = 0;
  bool usable_ = true;

 public:
  bool usable() const noexcept { return usable_; }
};

// Counts values before any is built: nodes are a hundred times as large as their text.
class Counter : public YAML::EventHandler {
 public:
  bool has_content() const noexcept { return has_content_; }
  const YAML::Mark& start() const noexcept { return start_; }
  bool too_many() const noexcept { return nodes_ > most_nodes; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    start_ = mark;
    has_content_ = false;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override { count(false); }
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override { count(true); }
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {
    count(true);
  }
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    count(true);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    count(true);
  }
  void OnMapEnd() override {}

 private:
  // Throwing is the one way to make the parser stop.
  void count(bool content) {
    has_content_ = has_content_ || content;
    ++nodes_;
    if (too_many()) throw YAML::Exception(start_, "");
  }

  YAML::Mark start_;
  std::size_t nodes_ = 0;
  bool has_content_ = false;
};

// Whether `text` is one document of a bearable size; reports otherwise. Looks at two documents at
// most: for some malformed texts the library finds another one for ever.
bool check_stream(const std::string& text, const std::string& file, Problems& problems) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  Counter counter;
  try {
    if (!parser.HandleNextDocument(counter)) return true;
    if (!parser.HandleNextDocument(counter) || !counter.has_content()) return true;
  } catch (const YAML::Exception&) {
    if (!counter.too_many()) throw;
    problems.error({file, 0, 0}, "", too_many_nodes);
    return false;
  }
  problems.error(place_of(counter.start(), file), "", "a second document in the file; join them");
  return false;
}

// The parser would guess other encodings and mend what is wrong.
bool check_encoding(std::string_view text, const std::string& file, Problems& problems) {
  const std::size_t bad = std::min(valid_utf8(text), text.find('\0'));
  if (bad >= text.size()) return true;
  const std::string_view before = text.substr(0, bad);
  const std::size_t line_start = before.rfind('\n') + 1;  // 0 in the first line
  problems.error({file, static_cast<int>(std::ranges::count(before, '\n')),
                  static_cast<int>(bad - line_start)},
                 "",
                 fmt::format("byte {:#04x} is not text in UTF-8; save the file as UTF-8",
                             static_cast<unsigned char>(text[bad])));
  return false;
}

}  // namespace

std::optional<YAML::Node> parse_document(std::string_view text, const std::string& file,
                                         Problems& problems) {
  if (text.size() > most_document_bytes) {
    problems.error({file, 0, 0}, "", "the file is larger than 16 MiB");
    return std::nullopt;
  }
  if (!check_encoding(text, file, problems)) return std::nullopt;
  try {
    const std::string copy(text);
    if (!check_stream(copy, file, problems)) return std::nullopt;
    const YAML::Node root = YAML::Load(copy);
    Walk walk(file, problems);
    walk.visit(root, "", 0);
    if (!walk.usable()) return std::nullopt;
    return root;
  } catch (const YAML::DeepRecursion& failure) {
    problems.error(place_of(failure.mark, file), "", too_deep);
  } catch (const YAML::Exception& failure) {
    // What `{path: /orders/{id}}` comes to.
    const bool in_braces = failure.msg.find("map flow") != std::string::npos;
    problems.error(
        place_of(failure.mark, file), "",
        "not valid YAML: " + failure.msg +
            (in_braces ? " (inside { } a value with { } [ ] or a comma needs quotes)" : ""));
  } catch (const std::exception& failure) {
    problems.error({file, 0, 0}, "", fmt::format("not readable as YAML: {}", failure.what()));
  }
  return std::nullopt;
}

std::expected<std::string, std::string> read_file(const std::string& path, std::size_t most) {
  if (path.contains('\0')) return std::unexpected("no such file");
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return std::unexpected("it is a folder");
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::unexpected(std::strerror(errno));
  std::string out;
  char buffer[16384];
  while (file.read(buffer, sizeof buffer) || file.gcount() > 0) {
    out.append(buffer, static_cast<std::size_t>(file.gcount()));
    if (out.size() > most) return std::unexpected(fmt::format("larger than {}", format_size(most)));
  }
  return out;
}

std::expected<std::string, std::string> read_named_file(const std::string& folder,
                                                        const std::string& file) {
  constexpr std::size_t most_bytes = 1 << 20;
  const std::string path = (std::filesystem::path(folder) / file).string();
  if (path.contains('\0')) return std::unexpected("no such file");
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    return std::unexpected("it is not a regular file");  // a pipe would be waited for
  }
  return read_file(path, most_bytes);
}

}  // namespace weir::config
