#include "weir/config/loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "config/allowances.hpp"
#include "config/blocks.hpp"
#include "config/document.hpp"
#include "config/draft.hpp"
#include "config/parts.hpp"
#include "config/source_files.hpp"

namespace weir::config {

std::optional<Draft> read_parts(std::span<Part> parts) {
  Draft draft;
  draft.config.folder = parts.front().context.folder;
  bool readable = true;
  for (Part& part : parts) {
    const SourceText& source = *part.source;
    const auto root = parse_document(source, part.context.problems);
    if (!root) {
      readable = false;
      continue;
    }
    if (root->IsNull()) {
      // A file of comments in a folder, or an empty document.
      if (parts.size() > 1 || part.context.is_foreign) continue;
      part.context.problems.error(source.beginning(), "",
                                  "there is nothing in this file; a configuration has at least "
                                  "`listeners` and `routes` (docs/quick-start.md)");
      readable = false;
      continue;
    }
    const Reader reader(part.context, *root, source, "");
    Fields fields = part.context.is_foreign ? document_fields(draft) : root_fields(draft);
    // Of several files one is enough to have a section, so assemble() asks for the missing.
    for (Field& field : fields) field.need = Need::optional;
    const Places places = read_fields(reader, fields);
    for (const std::string_view meant : places.meant()) {
      if (meant.empty()) continue;
      draft.sections.try_emplace(std::string(meant), reader.place());
      draft.unread.insert(std::string(meant));
    }
    readable = readable && reader.is_map();
  }
  if (!readable) return std::nullopt;
  for (const Reader& written : draft.written_routes) {
    RouteDraft& route = draft.routes.emplace_back();
    const Route& defaults = draft.defaults.route;
    route.route.timeout = defaults.timeout;
    route.route.stream_idle_timeout = defaults.stream_idle_timeout;
    route.route.encoded_slashes = defaults.encoded_slashes;
    route.route.retry = defaults.retry;
    route.route.failover = defaults.failover;
    route.route.place = written.place();
    route.route.at = written.path();
    route.places = read_fields(written, route_fields(route));
  }
  return draft;
}

Outcome load_parts(std::span<Part> parts, Problems& problems) {
  const Place root = parts.front().source->beginning();
  const LoadChecks& checks = parts.front().context.checks;
  Loaded out;
  try {
    for (const Part& part : parts) {
      std::ranges::move(find_allowances(*part.source, problems),
                        std::back_inserter(out.allowances));
    }
    if (auto draft = read_parts(parts)) {
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

namespace {

Outcome load_sources(SourceFiles sources, const LoadChecks& checks, SourceTexts* texts) {
  Problems problems;
  const auto files = std::make_shared<const SourceFiles>(std::move(sources));
  std::vector<Part> parts;
  for (const SourceText& source : files->files) {
    parts.push_back(
        {&source,
         {.problems = problems, .folder = files->folder, .checks = checks, .texts = texts}});
  }
  Outcome out = load_parts(parts, problems);
  if (out && out->config.providers.any()) out->sources = files;
  return out;
}

Outcome failure(const std::string& file, std::string message) {
  return std::unexpected(std::vector<Problem>{{{file, 0, 0}, "", std::move(message)}});
}

}  // namespace

Outcome load(const std::string& file_or_folder, const LoadChecks& checks, SourceTexts* texts) {
  try {
    auto sources = read_source_files(file_or_folder);
    if (!sources) return std::unexpected(sources.error());
    for (const SourceText& source : sources->files) {
      if (texts != nullptr) texts->insert_or_assign(source.name(), source.text());
    }
    return load_sources(std::move(*sources), checks, texts);
  } catch (const std::exception& failed) {
    return failure(file_or_folder, fmt::format("cannot be read: {}", failed.what()));
  }
}

Outcome load_text(std::string_view yaml, std::string_view name, const std::string& folder,
                  const LoadChecks& checks) {
  SourceFiles sources{.files = {}, .folder = folder};
  sources.files.emplace_back(std::string(name), std::string(yaml));
  return load_sources(std::move(sources), checks, nullptr);
}

}  // namespace weir::config
