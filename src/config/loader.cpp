#include "weir/config/loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "config/allowances.hpp"
#include "config/blocks.hpp"
#include "config/document.hpp"
#include "config/draft.hpp"
#include "config/source_files.hpp"

namespace weir::config {
namespace {

using Outcome = std::expected<Loaded, std::vector<Problem>>;

using Sources = std::vector<SourceText>;

// Reads what every source says; nothing if one of them is no configuration at all.
std::optional<Draft> read_sources(const Sources& sources, LoadContext& context) {
  Draft draft;
  draft.config.folder = context.folder;
  bool readable = true;
  for (const SourceText& source : sources) {
    const auto root = parse_document(source, context.problems);
    if (!root) {
      readable = false;
      continue;
    }
    if (root->IsNull()) {
      if (sources.size() > 1) continue;  // a file of comments in a folder
      context.problems.error(source.beginning(), "",
                             "there is nothing in this file; a configuration has at least "
                             "`listeners` and `routes` (docs/quick-start.md)");
      readable = false;
      continue;
    }
    const Reader reader(context, *root, source, "");
    Fields fields = root_fields(draft);
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

Outcome load_sources(const Sources& sources, const std::string& folder, const LoadChecks& checks,
                     SourceTexts* texts, bool expands = true) {
  Problems problems;
  LoadContext context{
      .problems = problems, .folder = folder, .checks = checks, .texts = texts, .expands = expands};
  const Place root = sources.front().beginning();
  Loaded out;
  try {
    for (const SourceText& source : sources) {
      std::ranges::move(find_allowances(source, problems), std::back_inserter(out.allowances));
    }
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

}  // namespace

Outcome load(const std::string& file_or_folder, const LoadChecks& checks, SourceTexts* texts) {
  try {
    const auto sources = read_source_files(file_or_folder);
    if (!sources) return std::unexpected(sources.error());
    for (const SourceText& source : sources->files) {
      if (texts != nullptr) texts->insert_or_assign(source.name(), source.text());
    }
    return load_sources(sources->files, sources->folder, checks, texts);
  } catch (const std::exception& failed) {
    return failure(file_or_folder, fmt::format("cannot be read: {}", failed.what()));
  }
}

Outcome load_text(std::string_view yaml, std::string_view name, const std::string& folder,
                  const LoadChecks& checks) {
  return load_sources({SourceText(std::string(name), std::string(yaml))}, folder, checks, nullptr);
}

std::expected<Config, std::vector<Problem>> load_printed(std::string_view json,
                                                         std::string_view name) {
  auto loaded = load_sources({SourceText(std::string(name), std::string(json))}, ".",
                             {.regex = {}, .files = {}, .opens_files = false}, nullptr, false);
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  return std::move(loaded->config);
}

}  // namespace weir::config
