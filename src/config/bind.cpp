#include "weir/config/bind.hpp"

#include <algorithm>

namespace weir::config {

std::optional<BindAddress> BindAddress::parse(std::string_view text) {
  const bool both = text.starts_with("*:");
  const std::string any = both ? "[::]" + std::string(text.substr(1)) : std::string(text);
  auto address = SocketAddress::parse(any);
  if (!address) return std::nullopt;
  return BindAddress{std::move(*address), both};
}

std::string BindAddress::to_string() const {
  return both_families ? "*:" + std::to_string(address.port()) : address.to_string();
}

bool Bind::is_unix() const noexcept {
  return std::ranges::all_of(addresses_,
                             [](const BindAddress& one) { return one.address.is_unix(); });
}

std::string Bind::to_string() const {
  std::string out;
  for (const BindAddress& one : addresses_) {
    if (!out.empty()) out += ", ";
    out += one.to_string();
  }
  return out;
}

}  // namespace weir::config
