// Key files: what tells one version from the next, and their content within bounds.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

namespace weir::auth {

// Of the file that a path leads to, symbolic links followed; all zero when there is none.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t changed = 0;  // nanoseconds
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

FileIdentity identity_of(const std::string& path) noexcept;
// At most most_key_set_bytes; the error says what is wrong.
std::expected<std::string, std::string> read_key_file(const std::string& path);

}  // namespace weir::auth
