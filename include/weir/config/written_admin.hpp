// The `admin` section of a configuration alone, for those who ask a running gateway: nothing else
// of the configuration has to be right, and none of its certificates, keys and users is opened.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "weir/config/loader.hpp"
#include "weir/config/model.hpp"

namespace weir::config {

struct WrittenAdmin {
  Admin admin;                    // the defaults where nothing is written
  std::vector<Problem> problems;  // of this section: its `token_file` cannot be read, say
};

// Fails when a file cannot be read or is not YAML. Never throws; blocks. Any thread.
std::expected<WrittenAdmin, std::vector<Problem>> read_admin(const std::string& file_or_folder);

}  // namespace weir::config
