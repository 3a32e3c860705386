// One YAML document as text and as nodes, checked for what no block may contain. The nodes are
// bounded (size, depth, aliases followed), so whoever walks them needs no bounds of its own.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "config/problems.hpp"
#include "config/source_text.hpp"

namespace weir::config {

// At most 16 MiB of text, 10^6 values with aliases followed, 64 levels.
// Reports syntax errors, several documents, duplicate keys, `<<`, tags and keys that are not text;
// nothing when the document is not worth reading on.
std::optional<YAML::Node> parse_document(const SourceText& source, Problems& problems);

// The whole of a file of at most `most` bytes, or what is wrong with it.
std::expected<std::string, std::string> read_file(const std::string& path, std::size_t most);

// The same of a regular file that the configuration names, of at most `most` bytes.
std::expected<std::string, std::string> read_named_file(const std::string& folder,
                                                        const std::string& file,
                                                        std::size_t most = 1 << 20);

inline constexpr std::size_t most_document_bytes = 16 << 20;

}  // namespace weir::config
