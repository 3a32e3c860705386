// What tells a file from what it was: device, inode, size and times of what its name leads to. A
// file that was written, one that was renamed to its name, and a symbolic link on the way that was
// turned, as Kubernetes turns `..data`, all have another stamp. Any thread; one system call.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace weir {

struct FileStamp {
  bool exists = false;  // a regular file; if not, nothing else is set
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t modified = 0;  // nanoseconds
  std::int64_t changed = 0;   // likewise, of the inode

  static FileStamp of(const std::string& path) noexcept;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

}  // namespace weir
