#include "weir/names/watched_file.hpp"

namespace weir::names {

bool WatchedFile::changed() {
  const FileStamp now = FileStamp::of(path_);
  const bool same = looked_ && seen_ == now;
  looked_ = true;
  seen_ = now;
  return !same;
}

}  // namespace weir::names
