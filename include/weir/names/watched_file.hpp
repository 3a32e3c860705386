// Whether a file has become another, by a look at it (device, inode, size and times of what its
// name leads to): a file that was written, one that was renamed to its name, and a symbolic link on
// the way that was turned, as Kubernetes turns `..data`, all count. One thread.
#pragma once

#include <sys/stat.h>

#include <string>

namespace weir::names {

class WatchedFile {
 public:
  explicit WatchedFile(std::string path) : path_(std::move(path)) {}

  // True at the first look, and when it is another than at the last one.
  bool changed();
  bool exists() const noexcept { return seen_.exists; }  // a regular file, at the last look
  const std::string& path() const noexcept { return path_; }

 private:
  struct Stamp {
    bool exists = false;
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    timespec modified{};
    timespec changed{};
  };

  std::string path_;
  Stamp seen_;
  bool looked_ = false;
};

}  // namespace weir::names
