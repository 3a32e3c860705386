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
#include <unordered_map>
#include <vector>

#include "config/foreign_files.hpp"
#include "config/reader.hpp"
#include "config/scalars.hpp"
#include "config/yaml_fault.hpp"
#include "config/yaml_scan.hpp"
#include "weir/base/utf8.hpp"

namespace weir::config {
namespace {

constexpr std::size_t most_nodes = 1'000'000;
constexpr int most_levels = 64;
constexpr const char* too_deep = "more than 64 levels deep";
constexpr const char* too_many_nodes = "more than 1000000 values, those of aliases included";

class Walk {
 public:
  Walk(const SourceText& source, Problems& problems) : source_(source), problems_(problems) {}

  // False when the rest is not worth looking at.
  bool visit(const YAML::Node& node, const std::string& path, int level) {
    if (++nodes_ > most_nodes) {
      return stop(node, too_many_nodes);
    }
    if (level > most_levels) return stop(node, too_deep);
    const std::string& tag = node.Tag();
    if (!tag.empty() && tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:str") {
      problems_.error(source_.place_of(node.Mark()), path,
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
    std::unordered_map<std::string_view, int> keys;  // to their lines
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) {
        problems_.error(source_.place_of(entry.first.Mark()), path, "a key must be plain text");
        usable_ = false;
        continue;
      }
      const std::string& key = entry.first.Scalar();
      const std::string inside = key_path(path, key);
      if (key == "<<") {
        problems_.error(source_.place_of(entry.first.Mark()), inside,
                        "merge keys are not supported; write the keys out");
      } else if (const auto [first, fresh] = keys.try_emplace(key, entry.first.Mark().line);
                 !fresh) {
        problems_.error(source_.place_of(entry.first.Mark()), inside,
                        fmt::format("the key is given twice, first in line {}; remove one of them",
                                    first->second + 1));
      }
      if (!visit(entry.second, inside, level + 1)) return false;
    }
    return true;
  }

  bool stop(const YAML::Node& node, std::string message) {
    problems_.error(source_.place_of(node.Mark()), "", std::move(message));
    usable_ = false;
    return false;
  }

  const SourceText& source_;
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
  const YAML::Mark& last_text() const noexcept { return last_text_; }
  // An alias inside what it stands for, which would have no end.
  const std::optional<YAML::Mark>& cycle() const noexcept { return cycle_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    start_ = mark;
    has_content_ = false;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override { count(false); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (std::ranges::find(inside_, anchor) != inside_.end()) {
      cycle_ = mark;
      stop();
    }
    count(true);
  }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                const std::string&) override {
    last_text_ = mark;
    count(true);
  }
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    enter(anchor);
  }
  void OnSequenceEnd() override { inside_.pop_back(); }
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    enter(anchor);
  }
  void OnMapEnd() override { inside_.pop_back(); }

 private:
  // Throwing is the one way to make the parser stop.
  [[noreturn]] void stop() { throw YAML::Exception(start_, ""); }

  void enter(YAML::anchor_t anchor) {
    inside_.push_back(anchor);
    count(true);
  }
  void count(bool content) {
    has_content_ = has_content_ || content;
    ++nodes_;
    if (too_many()) stop();
  }

  YAML::Mark start_;
  YAML::Mark last_text_ = YAML::Mark::null_mark();
  std::size_t nodes_ = 0;
  bool has_content_ = false;
  std::vector<YAML::anchor_t> inside_;  // of lists and mappings that are open; 0 for none
  std::optional<YAML::Mark> cycle_;
};

// Whether a quoted text that begins at `mark` has an end: the library takes the end of the file for
// one. Reports otherwise.
bool check_quote(const SourceText& source, const YAML::Mark& mark, Problems& problems) {
  if (mark.is_null()) return true;
  const std::string_view line = source.line(static_cast<std::size_t>(mark.line));
  const auto column = static_cast<std::size_t>(mark.column);
  if (column >= line.size() || (line[column] != '"' && line[column] != '\'')) return true;
  const auto at = static_cast<std::size_t>(line.data() - source.text().data()) + column;
  const auto quoted = scan_yaml(std::string_view(source.text()).substr(at), 1).several_lines;
  if (!quoted || quoted->end != std::string_view::npos) return true;
  problems.error(source.place_of(mark), "", quote_without_end(line[column]));
  return false;
}

// Whether the text is one document of a bearable size; reports otherwise. Looks at two documents at
// most: for some malformed texts the library finds another one for ever.
bool check_stream(const SourceText& source, Problems& problems) {
  std::istringstream stream(source.text());
  YAML::Parser parser(stream);
  Counter counter;
  try {
    const bool is_one = !parser.HandleNextDocument(counter) ||
                        !parser.HandleNextDocument(counter) || !counter.has_content();
    if (is_one) return check_quote(source, counter.last_text(), problems);
  } catch (const YAML::Exception&) {
    if (const auto& cycle = counter.cycle()) {
      problems.error(source.place_of(*cycle), "",
                     "this alias is inside the value that it refers to, so the value would have no "
                     "end; write the value out");
    } else if (counter.too_many()) {
      problems.error(source.beginning(), "", too_many_nodes);
    } else {
      throw;
    }
    return false;
  }
  if (auto other = foreign_file(source)) {
    problems.error(std::move(other->place), "", std::move(other->message));
    return false;
  }
  problems.error(
      source.place_of(counter.start()), "",
      "a second document begins here; a configuration is one document, remove the `---`");
  return false;
}

// The parser would guess other encodings and mend what is wrong.
bool check_encoding(const SourceText& source, Problems& problems) {
  const std::string_view text = source.text();
  const std::size_t bad = std::min(valid_utf8(text), text.find('\0'));
  if (bad >= text.size()) return true;
  problems.error(source.place_of_byte(bad), "",
                 fmt::format("byte {:#04x} is not text in UTF-8; save the file as UTF-8",
                             static_cast<unsigned char>(text[bad])));
  return false;
}

}  // namespace

std::optional<YAML::Node> parse_document(const SourceText& source, Problems& problems) {
  if (source.text().size() > most_document_bytes) {
    problems.error(source.beginning(), "", "the file is larger than 16 MiB");
    return std::nullopt;
  }
  if (!check_encoding(source, problems)) return std::nullopt;
  try {
    if (!check_stream(source, problems)) return std::nullopt;
    const YAML::Node root = YAML::Load(source.text());
    if (auto other = foreign_file(source, root)) {
      problems.error(std::move(other->place), "", std::move(other->message));
      return std::nullopt;
    }
    Walk walk(source, problems);
    walk.visit(root, "", 0);
    if (!walk.usable()) return std::nullopt;
    return root;
  } catch (const YAML::DeepRecursion& failure) {
    problems.error(source.place_of(failure.mark), "", too_deep);
  } catch (const YAML::Exception& failure) {
    auto fault = foreign_file(source);
    if (!fault) {
      auto explained = explain_yaml_error(source, failure);
      fault = ForeignFile{std::move(explained.place), std::move(explained.message)};
    }
    problems.error(std::move(fault->place), "", std::move(fault->message));
  } catch (const std::exception& failure) {
    problems.error(source.beginning(), "", fmt::format("cannot be read: {}", failure.what()));
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
                                                        const std::string& file, std::size_t most) {
  const std::string path = (std::filesystem::path(folder) / file).string();
  if (path.contains('\0')) return std::unexpected("no such file");
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    return std::unexpected("it is not a regular file");  // a pipe would be waited for
  }
  return read_file(path, most);
}

std::expected<std::string, std::string> read_named_file(const LoadContext& context,
                                                        const std::string& file) {
  if (context.files != nullptr) {
    const std::string path = (std::filesystem::path(context.folder) / file).string();
    context.files->push_back({path, FileStamp::of(path)});
  }
  return read_named_file(context.folder, file);
}

}  // namespace weir::config
