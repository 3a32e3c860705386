// The documents of a provider that were in force, on disk: served after a restart while the
// provider is away. Blocks; any thread.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "weir/provider/joining.hpp"

namespace weir::provider {

// `origin`: whose they are; a file with another one is not read.
std::string state_text(const std::string& provider, std::string_view origin,
                       const std::vector<InForce>& documents);
// Of that provider, in their order. Pure. Fails where it is no such text.
std::expected<std::vector<InForce>, std::string> parse_state(std::string_view text,
                                                             const std::string& provider,
                                                             std::string_view origin);

// Replaces the file at once, or leaves it as it is; it is for its owner alone, since documents may
// hold keys. Makes its folder if there is none. The error is the system's, "" for none.
std::string write_state(const std::string& path, const std::string& text);
// "" where there is no such file.
std::expected<std::string, std::string> read_state(const std::string& path);

}  // namespace weir::provider
