// The texts that a configuration is made of: a file, or the *.yaml and *.yml of a folder. Pure but
// for reading files; any thread, blocks.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "config/source_text.hpp"
#include "weir/config/loader.hpp"

namespace weir::config {

struct SourceFiles {
  std::vector<SourceText> files;  // at least one; those of a folder by name
  std::string folder;             // where relative file names start
  bool is_folder = false;         // which the files were listed from
  std::vector<ReadFile> read;     // the files, as they were
};

// At most 16 MiB a file. Fails with a problem for each file that cannot be read. May throw
// std::bad_alloc.
std::expected<SourceFiles, std::vector<Problem>> read_source_files(
    const std::string& file_or_folder);

}  // namespace weir::config
