// Documents that come from elsewhere than this machine's files, and what they make together with
// these. They hold routes, upstreams, middleware and certificates; `${...}` is text in them, and
// keys that name files or sockets of this machine are refused. Any thread.
#pragma once

#include <expected>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "weir/config/loader.hpp"
#include "weir/config/model.hpp"

namespace weir::config {

inline constexpr std::size_t most_document_text = 4 * MiB;

// The names of one kind.
using NameSet = std::set<std::string, std::less<>>;

struct NamesByKind {
  NameSet routes;
  NameSet upstreams;
  NameSet middleware;
  friend bool operator==(const NamesByKind&, const NamesByKind&) = default;
};

// What a document defines, and what it needs that it does not define itself.
struct DocumentNames {
  NamesByKind defines;
  NamesByKind needs;
  // Of middleware that asks an upstream: its name, and the upstream's. A definition that is held
  // alone needs that.
  std::map<std::string, std::string, std::less<>> asked;
};

struct DocumentText {
  std::string name;  // what places call it: "etcd:/weir/orders"
  std::string text;
  // Only these definitions of it count, routes and certificates do not; none: all.
  std::optional<NamesByKind> only{};
};

// Fails with what is wrong with the document by itself.
std::expected<DocumentNames, std::vector<Problem>> read_document(const DocumentText& document);

// What the configuration's own files define.
DocumentNames names_of(const Config& config);

// `own` as its files have it, and what the documents add: routes behind its routes, in the order of
// the documents. Named files are read again. REQUIRES: `own` keeps its sources
// (Loaded::sources). Fails with problems that are placed in the documents or, where a document
// breaks something that the files have, there. Blocks.
std::expected<Loaded, std::vector<Problem>> join_documents(const Loaded& own,
                                                           std::span<const DocumentText> documents,
                                                           const LoadChecks& checks = {});

// The endpoints of an upstream of a document.
struct EndpointChange {
  std::string upstream;
  std::vector<EndpointSpec> endpoints;
};
// If two versions of a document differ in nothing but the `endpoints` of upstreams: which, as
// `after` has them. Nothing where anything else differs, or where these are wrong.
std::optional<std::vector<EndpointChange>> endpoint_changes(const DocumentText& before,
                                                            const DocumentText& after);

}  // namespace weir::config
