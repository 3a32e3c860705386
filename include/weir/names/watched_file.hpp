// Whether a file has become another, by a look at it: see FileStamp for what counts. One thread.
#pragma once

#include <string>
#include <utility>

#include "weir/base/file_stamp.hpp"

namespace weir::names {

class WatchedFile {
 public:
  explicit WatchedFile(std::string path) : path_(std::move(path)) {}

  // True at the first look, and when it is another than at the last one.
  bool changed();
  bool exists() const noexcept { return seen_.exists; }  // a regular file, at the last look
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  FileStamp seen_;
  bool looked_ = false;
};

}  // namespace weir::names
