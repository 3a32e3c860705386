#include "net/tls/file_watch.hpp"

#include <sys/stat.h>

#include <utility>

namespace weir::net::tls {

FileWatch::FileWatch(std::vector<std::string> paths) {
  for (std::string& path : paths) {
    const Identity now = identity_of(path);
    files_.emplace_back(std::move(path), now);
  }
}

bool FileWatch::changed() {
  bool any = false;
  for (auto& [path, before] : files_) {
    const Identity now = identity_of(path);
    any = any || now != before;
    before = now;
  }
  return any;
}

FileWatch::Identity FileWatch::identity_of(const std::string& path) noexcept {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return {-1};
  return {static_cast<std::int64_t>(status.st_dev),
          static_cast<std::int64_t>(status.st_ino),
          static_cast<std::int64_t>(status.st_size),
          static_cast<std::int64_t>(status.st_mtim.tv_sec),
          static_cast<std::int64_t>(status.st_mtim.tv_nsec),
          static_cast<std::int64_t>(status.st_ctim.tv_sec),
          static_cast<std::int64_t>(status.st_ctim.tv_nsec)};
}

}  // namespace weir::net::tls
