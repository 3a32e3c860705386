// KEY of the configuration: by what callers are told apart.
#pragma once

#include <string>
#include <vector>

#include "weir/http/caller_key.hpp"

namespace weir::config {

struct Key {
  std::vector<KeyPart> parts{KeyPart{}};  // 1 to CallerKey::most_parts, none twice
  friend bool operator==(const Key&, const Key&) = default;
};

// In a few words: "client_ip", "header x-tenant + host".
std::string to_text(const Key& key);

}  // namespace weir::config
