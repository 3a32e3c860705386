// How documents from elsewhere are read.
#pragma once

#include "config/reader.hpp"
#include "weir/config/documents.hpp"

namespace weir::config {

// `only` as of DocumentText, null for all; it outlives the context, as `problems` does.
LoadContext foreign_context(Problems& problems, const NamesByKind* only);

}  // namespace weir::config
