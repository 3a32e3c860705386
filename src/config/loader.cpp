#include "weir/config/loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "config/blocks.hpp"
#include "config/document.hpp"
#include "config/draft.hpp"

namespace weir::config {
namespace {

using Outcome = std::expected<Loaded, std::vector<Problem>>;

struct Source {
  std::string name;
  std::string text;
};

// Reads what every source says; nothing if one of them is no configuration at all.
std::optional<Draft> read_sources(const std::vector<Source>& sources, LoadContext& context) {
  Draft draft;
  draft.config.folder = context.folder;
  bool readable = true;
  for (const Source& source : sources) {
    const auto root = parse_document(source.text, source.name, context.problems);
    if (!root) {
      readable = false;
      continue;
    }
    if (root->IsNull() && sources.size() > 1) continue;  // a file of comments in a folder
    const Reader reader(context, *root, source.name, "");
    Fields fields = root_fields(draft);
    // Of several files one is enough to have a section, so assemble() asks for the missing.
    for (Field& field : fields) field.need = Need::optional;
    read_fields(reader, fields);
    readable = readable && reader.is_map();
  }
  if (!readable) return std::nullopt;
  for (const Reader& written : draft.written_routes) {
    RouteDraft& route = draft.routes.emplace_back();
    const Route& defaults = draft.defaults.route;
    route.route.timeout = defaults.timeout;
    route.route.stream_idle_timeout = defaults.stream_idle_timeout;
    route.route.encoded_slashes = defaults.encoded_slashes;
    route.route.place = written.place();
    route.route.at = written.path();
    route.places = read_fields(written, route_fields(route));
  }
  return draft;
}

Outcome load_sources(const std::vector<Source>& sources, const std::string& folder,
                     const LoadChecks& checks) {
  Problems problems;
  LoadContext context{problems, folder, checks};
  const Place root{sources.front().name, 0, 0};
  Loaded out;
  try {
    if (auto draft = read_sources(sources, context)) {
      out.places = std::move(draft->places);
      for (ListenerDraft& each : draft->listeners) {
        out.listeners.push_back({each.at, std::move(each.key_places)});
      }
      out.config = assemble(std::move(*draft), root, problems);
      if (problems.has_errors() && checks.files) {
        for (Problem& each : checks.files(out.config)) {
          problems.error(std::move(each.place), std::move(each.path), std::move(each.message));
        }
      }
    }
  } catch (const std::exception& failure) {
    problems.error(root, "", fmt::format("cannot be read: {}", failure.what()));
  }
  if (problems.has_errors()) return std::unexpected(problems.take_errors());
  out.warnings = problems.take_warnings();
  return out;
}

Outcome failure(const std::string& file, std::string message) {
  return std::unexpected(std::vector<Problem>{{{file, 0, 0}, "", std::move(message)}});
}

// The *.yaml and *.yml of a folder, together in the order of their names; of a file itself.
std::expected<std::vector<std::string>, std::string> files_of(const std::string& file_or_folder) {
  std::error_code failed;
  if (!std::filesystem::is_directory(file_or_folder, failed)) return std::vector{file_or_folder};
  std::vector<std::string> files;
  std::filesystem::directory_iterator entry(file_or_folder, failed);
  for (; !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    const std::filesystem::path& path = entry->path();
    std::error_code ignored;
    const bool yaml = path.extension() == ".yaml" || path.extension() == ".yml";
    if (yaml && !path.filename().string().starts_with('.') &&
        !std::filesystem::is_directory(path, ignored)) {
      files.push_back(path.string());
    }
  }
  if (failed) return std::unexpected("cannot be listed: " + failed.message());
  if (files.empty()) return std::unexpected("there is no *.yaml or *.yml in the folder");
  std::ranges::sort(files);
  return files;
}

}  // namespace

Outcome load(const std::string& file_or_folder, const LoadChecks& checks) {
  try {
    const auto files = files_of(file_or_folder);
    if (!files) return failure(file_or_folder, files.error());
    std::vector<Source> sources;
    std::vector<Problem> problems;
    for (const std::string& file : *files) {
      auto text = read_file(file, most_document_bytes);
      if (text) {
        sources.push_back({file, std::move(*text)});
      } else {
        problems.push_back({{file, 0, 0}, "", "cannot be read: " + text.error()});
      }
    }
    if (!problems.empty()) return std::unexpected(std::move(problems));
    const bool is_folder = files->size() > 1 || files->front() != file_or_folder;
    const std::string folder =
        is_folder ? file_or_folder : std::filesystem::path(file_or_folder).parent_path().string();
    return load_sources(sources, folder.empty() ? "." : folder, checks);
  } catch (const std::exception& failed) {
    return failure(file_or_folder, fmt::format("cannot be read: {}", failed.what()));
  }
}

Outcome load_text(std::string_view yaml, std::string_view name, const std::string& folder,
                  const LoadChecks& checks) {
  return load_sources({{std::string(name), std::string(yaml)}}, folder, checks);
}

}  // namespace weir::config
