#include "names/etc_files.hpp"

#include <unistd.h>

#include <array>
#include <fstream>
#include <utility>

namespace weir::names {
namespace {

bool same_time(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

std::string name_of_host() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : "";
}

}  // namespace

SmallFile::Stamp SmallFile::stamp() const {
  struct stat about{};
  if (::stat(path_.c_str(), &about) != 0 || !S_ISREG(about.st_mode)) return {};
  return {true, about.st_dev, about.st_ino, about.st_size, about.st_mtim, about.st_ctim};
}

std::optional<std::string> SmallFile::news() {
  const Stamp now = stamp();
  const bool same = seen_ && seen_->exists == now.exists && seen_->device == now.device &&
                    seen_->inode == now.inode && seen_->size == now.size &&
                    same_time(seen_->modified, now.modified) &&
                    same_time(seen_->changed, now.changed);
  if (same) return std::nullopt;
  seen_ = now;
  std::string out;
  if (!now.exists) return out;
  std::ifstream in(path_, std::ios::binary);
  std::array<char, 4096> block{};
  while (out.size() < largest && (in.read(block.data(), block.size()), in.gcount() > 0)) {
    out.append(block.data(), static_cast<std::size_t>(in.gcount()));
  }
  return out;
}

bool EtcFiles::look() {
  bool changed = false;
  if (const auto text = hosts_file_.news()) {
    HostsFile next(*text);
    changed |= next != hosts_;
    hosts_ = std::move(next);
  }
  if (const auto text = conf_file_.news()) {
    ResolvConf next = parse_resolv_conf(*text, name_of_host());
    changed |= next != conf_;
    conf_ = std::move(next);
  }
  return changed;
}

}  // namespace weir::names
