#include "weir/base/file_stamp.hpp"

#include <sys/stat.h>

namespace weir {
namespace {

std::int64_t nanoseconds(const timespec& time) noexcept {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

FileStamp FileStamp::of(const std::string& path) noexcept {
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0 || !S_ISREG(about.st_mode)) return {};
  return {.exists = true,
          .device = about.st_dev,
          .inode = about.st_ino,
          .size = about.st_size,
          .modified = nanoseconds(about.st_mtim),
          .changed = nanoseconds(about.st_ctim)};
}

}  // namespace weir
