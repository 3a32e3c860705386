// Whether two versions of a document differ in endpoints alone.
#include <yaml-cpp/yaml.h>

#include <unordered_map>
#include <utility>

#include "config/blocks.hpp"
#include "config/document.hpp"
#include "config/document_context.hpp"
#include "config/source_text.hpp"

namespace weir::config {
namespace {

using NodesByKey = std::unordered_map<std::string_view, YAML::Node>;

// REQUIRES: a mapping whose keys are texts, each once, as parse_document() ensures.
NodesByKey nodes_by_key(const YAML::Node& map) {
  NodesByKey out;
  for (const auto& entry : map) out.emplace(entry.first.Scalar(), entry.second);
  return out;
}

bool same_nodes(const YAML::Node& a, const YAML::Node& b);

bool same_sequences(const YAML::Node& a, const YAML::Node& b) {
  if (a.size() != b.size()) return false;
  auto other = b.begin();
  for (const auto& item : a) {
    if (!same_nodes(item, *other)) return false;
    ++other;
  }
  return true;
}

// `differs` is told of entries that are not the same, and says whether that matters.
template <class Differs>
bool same_mappings(const YAML::Node& a, const YAML::Node& b, Differs differs) {
  const NodesByKey others = nodes_by_key(b);
  if (a.size() != others.size()) return false;
  for (const auto& entry : a) {
    const auto other = others.find(entry.first.Scalar());
    if (other == others.end()) return false;
    if (same_nodes(entry.second, other->second)) continue;
    if (differs(entry.first.Scalar(), entry.second, other->second)) return false;
  }
  return true;
}

bool same_nodes(const YAML::Node& a, const YAML::Node& b) {
  if (a.is(b)) return true;
  if (a.Type() != b.Type()) return false;
  if (a.IsScalar()) return a.Scalar() == b.Scalar();
  if (a.IsSequence()) return same_sequences(a, b);
  if (!a.IsMap()) return true;
  return same_mappings(a, b, [](const auto&...) { return true; });
}

class ChangedEndpoints {
 public:
  ChangedEndpoints(const SourceText& after, Problems& problems)
      : after_(after), context_(foreign_context(problems, nullptr)) {}

  // Whether nothing else differs.
  bool find(const YAML::Node& before, const YAML::Node& after) {
    if (!before.IsMap() || !after.IsMap()) return false;
    return same_mappings(before, after,
                         [this](const std::string& key, const auto& one, const auto& other) {
                           return key != "upstreams" || !in_upstreams(one, other);
                         });
  }

  std::vector<EndpointChange> changes;

 private:
  bool in_upstreams(const YAML::Node& before, const YAML::Node& after) {
    if (!before.IsMap() || !after.IsMap()) return false;
    return same_mappings(before, after,
                         [this](const std::string& name, const auto& one, const auto& other) {
                           return !in_upstream(name, one, other);
                         });
  }

  bool in_upstream(const std::string& name, const YAML::Node& before, const YAML::Node& after) {
    if (!before.IsMap() || !after.IsMap()) return false;
    return same_mappings(
        before, after, [&](const std::string& key, const auto&, const auto& other) {
          if (key != "endpoints") return true;
          EndpointChange& change = changes.emplace_back(name, std::vector<EndpointSpec>{});
          endpoints_value(change.endpoints)
              .read(Reader(context_, other, after_, "upstreams." + name + ".endpoints"));
          return false;
        });
  }

  const SourceText& after_;
  LoadContext context_;
};

}  // namespace

std::optional<std::vector<EndpointChange>> endpoint_changes(const DocumentText& before,
                                                            const DocumentText& after) {
  if (before.only || after.only || after.text.size() > most_document_text) return std::nullopt;
  Problems problems;
  try {
    const SourceText was(before.name, before.text);
    const SourceText is(after.name, after.text);
    const auto old_root = parse_document(was, problems);
    const auto new_root = parse_document(is, problems);
    if (!old_root || !new_root || problems.has_errors()) return std::nullopt;
    ChangedEndpoints changed(is, problems);
    if (!changed.find(*old_root, *new_root) || problems.has_errors()) return std::nullopt;
    return std::move(changed.changes);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace weir::config
