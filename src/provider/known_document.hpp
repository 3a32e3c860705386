// A version of a document, with the names that it defines and needs, read once. Shared by the main
// thread and those that build.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "provider/merge.hpp"
#include "weir/config/documents.hpp"
#include "weir/provider/document.hpp"

namespace weir::provider {

class KnownDocument {
 public:
  KnownDocument(const std::string& provider, std::shared_ptr<const Document> document)
      : document_(std::move(document)), place_(provider + ":" + document_->name) {}

  const Document& document() const noexcept { return *document_; }
  const std::string& place() const noexcept { return place_; }  // "etcd:orders"
  // Reads it at the first call; any thread.
  Version version() const;

 private:
  const std::shared_ptr<const Document> document_;
  const std::string place_;
  mutable std::once_flag read_;
  mutable std::optional<config::DocumentNames> names_;
  mutable std::vector<std::string> faults_;
};

}  // namespace weir::provider
