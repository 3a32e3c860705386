// Whether files have become others: by device, inode, size and times of what a name leads to, so
// that a symbolic link that was turned counts. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace weir::net::tls {

class FileWatch {
 public:
  explicit FileWatch(std::vector<std::string> paths);

  // True when a file is another one than at the last call, or at the beginning.
  bool changed();

 private:
  using Identity = std::array<std::int64_t, 7>;
  static Identity identity_of(const std::string& path) noexcept;

  std::vector<std::pair<std::string, Identity>> files_;
};

}  // namespace weir::net::tls
