#include "names/etc_files.hpp"

#include <unistd.h>

#include <array>
#include <fstream>
#include <utility>

namespace weir::names {
namespace {

std::string name_of_host() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : "";
}

}  // namespace

std::optional<std::string> SmallFile::news() {
  if (!file_.changed()) return std::nullopt;
  std::string out;
  if (!file_.exists()) return out;
  std::ifstream in(file_.path(), std::ios::binary);
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
