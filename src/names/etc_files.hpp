// The two files of /etc that say how names are looked up, read again when they have become others.
// Main thread.
#pragma once

#include <optional>
#include <string>

#include "weir/names/hosts_file.hpp"
#include "weir/names/resolv_conf.hpp"
#include "weir/names/resolver.hpp"
#include "weir/names/watched_file.hpp"

namespace weir::names {

// A small file and what it was when it was read.
class SmallFile {
 public:
  static constexpr std::size_t largest = 4 << 20;

  explicit SmallFile(std::string path) : file_(std::move(path)) {}
  // Its content where it has become another since the last call; "" where it is gone or cannot be
  // read. Of what is larger than `largest` the beginning.
  std::optional<std::string> news();

 private:
  WatchedFile file_;
};

class EtcFiles {
 public:
  explicit EtcFiles(const SystemFiles& files)
      : hosts_file_(files.hosts), conf_file_(files.resolv_conf) {}

  // True where what they say has become something else.
  bool look();
  const HostsFile& hosts() const noexcept { return hosts_; }
  const ResolvConf& conf() const noexcept { return conf_; }

 private:
  SmallFile hosts_file_;
  SmallFile conf_file_;
  HostsFile hosts_;
  ResolvConf conf_;
};

}  // namespace weir::names
