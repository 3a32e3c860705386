#include "weir/config/documents.hpp"

#include <fmt/format.h>

#include <deque>
#include <iterator>
#include <utility>

#include "config/document_context.hpp"
#include "config/parts.hpp"
#include "config/source_files.hpp"

namespace weir::config {
namespace {

void note_names_of(const Draft& draft, DocumentNames& out) {
  const auto need_upstream = [&](const std::string& name) {
    if (!name.empty()) out.needs.upstreams.insert(name);
  };
  const auto note_asked = [&](const MiddlewareSpec& spec) -> const std::string* {
    const auto* auth = std::get_if<ForwardAuth>(&spec);
    return auth != nullptr && !auth->upstream.empty() ? &auth->upstream : nullptr;
  };
  for (const Upstream& each : draft.config.upstreams) out.defines.upstreams.insert(each.name);
  for (const NamedMiddleware& each : draft.middleware) {
    const std::string& name = each.middleware.name;
    out.defines.middleware.insert(name);
    if (each.is_unread) continue;
    if (const std::string* asked = note_asked(each.middleware.spec)) {
      out.asked.emplace(name, *asked);
      need_upstream(*asked);
    }
  }
  for (const RouteDraft& route : draft.routes) {
    if (!route.route.name.empty()) out.defines.routes.insert(route.route.name);
    for (const Written& each : route.upstreams) need_upstream(each.text);
    for (const MiddlewareUse& use : route.middleware) {
      if (!use.spec && !use.is_unread) out.needs.middleware.insert(use.name.text);
      if (!use.spec) continue;
      if (const std::string* asked = note_asked(*use.spec)) need_upstream(*asked);
    }
  }
  for (const std::string& name : out.defines.upstreams) out.needs.upstreams.erase(name);
  for (const std::string& name : out.defines.middleware) out.needs.middleware.erase(name);
}

std::vector<Problem> whole_document(const DocumentText& document, std::string message) {
  return {{{document.name, 0, 0}, "", std::move(message)}};
}

}  // namespace

LoadContext foreign_context(Problems& problems, const NamesByKind* only) {
  LoadContext out{.problems = problems, .folder = "."};
  out.expands = false;
  out.is_foreign = true;
  out.only = only;
  return out;
}

std::expected<DocumentNames, std::vector<Problem>> read_document(const DocumentText& document) {
  if (document.text.size() > most_document_text) {
    return std::unexpected(whole_document(document, "larger than 4 MiB"));
  }
  Problems problems;
  DocumentNames out;
  try {
    const SourceText source(document.name, document.text);
    Part part{&source, foreign_context(problems, nullptr)};
    if (auto draft = read_parts({&part, 1})) {
      // A name may stand in one document only once, as in the whole.
      NameSet routes;
      for (const RouteDraft& route : draft->routes) {
        const std::string& name = route.route.name;
        if (name.empty() || routes.insert(name).second) continue;
        problems.error(route.places.of("name", route.route.place), route.route.at + ".name",
                       fmt::format("the name '{}' is taken in this document already", name));
      }
      note_names_of(*draft, out);
    }
  } catch (const std::exception& failure) {
    problems.error({document.name, 0, 0}, "", fmt::format("cannot be read: {}", failure.what()));
  }
  if (problems.has_errors()) return std::unexpected(problems.take_errors());
  return out;
}

DocumentNames names_of(const Config& config) {
  DocumentNames out;
  for (const Route& each : config.routes) out.defines.routes.insert(each.name);
  for (const Upstream& each : config.upstreams) out.defines.upstreams.insert(each.name);
  for (const Middleware& each : config.middleware) {
    // Inline ones have a slash in their name.
    if (!each.name.contains('/')) out.defines.middleware.insert(each.name);
  }
  return out;
}

std::expected<Loaded, std::vector<Problem>> join_documents(const Loaded& own,
                                                           std::span<const DocumentText> documents,
                                                           const LoadChecks& checks) {
  Problems problems;
  try {
    std::deque<SourceText> texts;  // which parts point to
    std::vector<Part> parts;
    for (const SourceText& source : own.sources->files) {
      parts.push_back(
          {&source, {.problems = problems, .folder = own.sources->folder, .checks = checks}});
    }
    for (const DocumentText& each : documents) {
      Part part{&texts.emplace_back(each.name, each.text),
                foreign_context(problems, each.only ? &*each.only : nullptr)};
      part.context.checks.regex = checks.regex;
      parts.push_back(std::move(part));
    }
    auto out = load_parts(parts, problems);
    if (out) {
      out->sources = own.sources;
      // Documents are had again from where they come from: of the whole only the files are kept.
      out->files.insert(out->files.begin(), own.sources->read.begin(), own.sources->read.end());
      if (own.sources->is_folder) out->listed_folder = own.sources->folder;
      out->origin = own.origin;
    }
    return out;
  } catch (const std::exception& failure) {
    problems.error({}, "", fmt::format("cannot be joined: {}", failure.what()));
    return std::unexpected(problems.take_errors());
  }
}

}  // namespace weir::config
