#include "weir/names/watched_file.hpp"

namespace weir::names {
namespace {

bool same_time(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

}  // namespace

bool WatchedFile::changed() {
  Stamp now;
  struct stat about{};
  if (::stat(path_.c_str(), &about) == 0 && S_ISREG(about.st_mode)) {
    now = {true, about.st_dev, about.st_ino, about.st_size, about.st_mtim, about.st_ctim};
  }
  const bool same = looked_ && seen_.exists == now.exists && seen_.device == now.device &&
                    seen_.inode == now.inode && seen_.size == now.size &&
                    same_time(seen_.modified, now.modified) &&
                    same_time(seen_.changed, now.changed);
  looked_ = true;
  seen_ = now;
  return !same;
}

}  // namespace weir::names
