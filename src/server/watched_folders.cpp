#include "server/watched_folders.hpp"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <system_error>

namespace weir::server {
namespace {

namespace fs = std::filesystem;

// As many as the kernel follows.
constexpr int most_links = 40;

void push_front(std::deque<fs::path>& left, const fs::path& path) {
  const std::deque<fs::path> parts(path.begin(), path.end());
  left.insert(left.begin(), parts.begin(), parts.end());
}

}  // namespace

std::vector<std::string> watched_folders(const std::string& path) {
  std::vector<std::string> out;
  const auto add = [&out](const fs::path& folder) {
    std::string name = folder.string();
    if (std::ranges::find(out, name) == out.end()) out.push_back(std::move(name));
  };
  std::error_code failed;
  const fs::path whole = fs::absolute(path, failed);
  if (failed) return out;
  std::deque<fs::path> left;
  push_front(left, whole);
  fs::path at = "/";
  int links = 0;
  while (!left.empty()) {
    const fs::path part = left.front();
    left.pop_front();
    if (part.empty() || part == "/" || part == ".") continue;
    if (part == "..") {
      at = at.parent_path();
      continue;
    }
    const fs::path here = at / part;
    const fs::file_status status = fs::symlink_status(here, failed);
    if (fs::is_symlink(status) && ++links <= most_links) {
      add(at);
      const fs::path to = fs::read_symlink(here, failed);
      if (failed) return out;
      if (to.is_absolute()) at = "/";
      push_front(left, to);
      continue;
    }
    if (!fs::is_directory(status)) {
      add(at);  // the file itself, or what is missing
      return out;
    }
    at = here;
  }
  add(at);  // it is a folder
  return out;
}

}  // namespace weir::server
