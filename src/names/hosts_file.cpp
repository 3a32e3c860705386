#include "weir/names/hosts_file.hpp"

#include <algorithm>

#include "names/lines.hpp"
#include "weir/base/text.hpp"

namespace weir::names {
namespace {

std::string key_of(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return to_lower(name);
}

}  // namespace

HostsFile::HostsFile(std::string_view text) {
  for_each_line(text, "#", [this](std::string_view line) {
    const auto ip = IpAddress::parse(next_word(line));
    if (!ip) return;
    for (std::string_view name = next_word(line); !name.empty(); name = next_word(line)) {
      std::vector<IpAddress>& addresses = names_[key_of(name)];
      if (std::ranges::find(addresses, *ip) == addresses.end()) addresses.push_back(*ip);
    }
  });
}

std::vector<IpAddress> HostsFile::find(std::string_view name) const {
  const auto found = names_.find(key_of(name));
  return found == names_.end() ? std::vector<IpAddress>() : found->second;
}

}  // namespace weir::names
