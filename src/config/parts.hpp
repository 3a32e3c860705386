// The texts that are loaded together, each with how it is read: the configuration's own files, and
// documents from elsewhere.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "config/draft.hpp"
#include "config/reader.hpp"
#include "config/source_text.hpp"
#include "weir/config/loader.hpp"

namespace weir::config {

using Outcome = std::expected<Loaded, std::vector<Problem>>;

struct Part {
  const SourceText* source;
  LoadContext context;
};

// What all of them say, in their order; nothing if one of them is no configuration at all.
// REQUIRES: there is one. The parts outlive the draft.
std::optional<Draft> read_parts(std::span<Part> parts);
// The same, assembled. `problems` is that of all contexts, the checks are those of the first.
Outcome load_parts(std::span<Part> parts, Problems& problems);

}  // namespace weir::config
