// Comments that switch warnings off: `# weir: allow NAME, NAME` behind a line's text is for what is
// told of that line; alone on its line it is for the next line that is no comment.
#pragma once

#include <vector>

#include "config/problems.hpp"
#include "config/source_text.hpp"
#include "weir/config/loader.hpp"

namespace weir::config {

// Those of one file, at most 10000 names. A name that no warning has is reported as a warning.
std::vector<Allowance> find_allowances(const SourceText& source, Problems& problems);

}  // namespace weir::config
