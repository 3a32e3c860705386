// The names of a hosts file (hosts(5)). A value; any thread.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weir/base/ip.hpp"

namespace weir::names {

class HostsFile {
 public:
  HostsFile() = default;
  // Lines that say nothing are passed over, as everybody does who reads that file. Addresses with a
  // zone are left out.
  explicit HostsFile(std::string_view text);

  // In the order of the file; none twice, empty for a name that it has not. Any case, a dot at the
  // name's end is no part of it.
  std::vector<IpAddress> find(std::string_view name) const;

  friend bool operator==(const HostsFile&, const HostsFile&) = default;

 private:
  std::unordered_map<std::string, std::vector<IpAddress>> names_;
};

}  // namespace weir::names
