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
  for (Part& part : parts) part.context.files = &out.files;
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

// FNV-1a: who could make two texts alike may write the configuration anyway.
std::uint64_t fingerprint_of(const std::vector<SourceText>& sources) {
  std::uint64_t out = 0xcbf29ce484222325;
  const auto add = [&out](std::string_view text) {
    for (const char c : text) out = (out ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    out = (out ^ 0xff) * 0x100000001b3;  // no byte of UTF-8: where the text ends
  };
  for (const SourceText& source : sources) {
    add(source.name());
    add(source.text());
  }
  return out;
}

// With what makes it again.
Outcome load_kept(std::shared_ptr<const SourceFiles> sources, const LoadChecks& checks,
                  SourceTexts* texts) {
  Problems problems;
  std::vector<Part> parts;
  for (const SourceText& source : sources->files) {
    parts.push_back(
        {&source,
         {.problems = problems, .folder = sources->folder, .checks = checks, .texts = texts}});
  }
  Outcome out = load_parts(parts, problems);
  if (!out) return out;
  out->files.insert(out->files.begin(), sources->read.begin(), sources->read.end());
  if (sources->is_folder) out->listed_folder = sources->folder;
  if (out->config.providers.any()) out->sources = sources;
  const auto origin = std::make_shared<Origin>();
  origin->fingerprint = fingerprint_of(sources->files);
  for (const SourceText& each : sources->files) origin->bytes += each.text().size();
  origin->load = [sources = std::move(sources), checks] {
    return load_kept(sources, checks, nullptr);
  };
  out->origin = origin;
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
    return load_kept(std::make_shared<const SourceFiles>(std::move(*sources)), checks, texts);
  } catch (const std::exception& failed) {
    return failure(file_or_folder, fmt::format("cannot be read: {}", failed.what()));
  }
}

Outcome load_text(std::string_view yaml, std::string_view name, const std::string& folder,
                  const LoadChecks& checks) {
  SourceFiles sources;
  sources.files.emplace_back(std::string(name), std::string(yaml));
  sources.folder = folder;
  return load_kept(std::make_shared<const SourceFiles>(std::move(sources)), checks, nullptr);
}

std::expected<Config, std::vector<Problem>> load_printed(std::string_view json,
                                                         std::string_view name) {
  Problems problems;
  const SourceText source{std::string(name), std::string(json)};
  Part part{&source,
            {.problems = problems,
             .folder = ".",
             .checks = {.regex = {}, .files = {}, .opens_files = false},
             .expands = false}};
  auto loaded = load_parts({&part, 1}, problems);
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  return std::move(loaded->config);
}

}  // namespace weir::config
